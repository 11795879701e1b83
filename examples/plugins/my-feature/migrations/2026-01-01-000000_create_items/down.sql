DROP TABLE "plugin_my_feature"."items";
