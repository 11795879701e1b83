DROP TABLE "plugin_shop"."items";
