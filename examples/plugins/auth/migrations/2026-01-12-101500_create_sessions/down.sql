DROP TABLE "plugin_auth"."sessions";
