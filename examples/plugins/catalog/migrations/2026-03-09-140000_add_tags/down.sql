DROP TABLE "plugin_catalog"."product_tags";
