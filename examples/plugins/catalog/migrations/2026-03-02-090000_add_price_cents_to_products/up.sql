ALTER TABLE "plugin_catalog"."products" ADD COLUMN "price_cents" bigint;

COMMENT ON COLUMN "plugin_catalog"."products"."price_cents" IS 'Price in cents; NULL while the product is not for sale.';
