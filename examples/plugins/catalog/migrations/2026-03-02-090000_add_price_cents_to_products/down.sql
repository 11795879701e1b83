ALTER TABLE "plugin_catalog"."products" DROP COLUMN "price_cents";
