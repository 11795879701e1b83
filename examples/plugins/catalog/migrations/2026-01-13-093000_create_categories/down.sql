ALTER TABLE "plugin_catalog"."products" DROP COLUMN "category_id";

DROP TABLE "plugin_catalog"."categories";
