CREATE TYPE "plugin_auth"."user_role" AS ENUM ('member', 'editor', 'admin');

ALTER TABLE "plugin_auth"."users"
    ADD COLUMN "role" "plugin_auth"."user_role" DEFAULT 'member' NOT NULL;
