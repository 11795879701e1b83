DROP TABLE "plugin_catalog"."products";
