CREATE TYPE "plugin_catalog"."product_state" AS ENUM ('draft', 'published', 'retired');

ALTER TABLE "plugin_catalog"."products"
    ADD COLUMN "state" "plugin_catalog"."product_state" DEFAULT 'draft' NOT NULL,
    -- `catalog` depends on `auth`, so it may reference its tables.
    ADD COLUMN "edited_by" uuid REFERENCES "plugin_auth"."users" ("id") ON DELETE SET NULL;
