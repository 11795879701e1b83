DROP TABLE "plugin_auth"."users";
