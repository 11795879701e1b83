ALTER TABLE "plugin_catalog"."products" ADD COLUMN "price_cents" bigint;

COMMENT ON COLUMN "plugin_catalog"."products"."price_cents" IS 'What one costs, in cents; none while it is not for sale.';
