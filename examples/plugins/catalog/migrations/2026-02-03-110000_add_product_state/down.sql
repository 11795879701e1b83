ALTER TABLE "plugin_catalog"."products"
    DROP COLUMN "edited_by",
    DROP COLUMN "state";

DROP TYPE "plugin_catalog"."product_state";
