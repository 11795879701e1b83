ALTER TABLE "plugin_auth"."users" DROP COLUMN "role";

DROP TYPE "plugin_auth"."user_role";
