CREATE TABLE "plugin_catalog"."categories" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "name" text NOT NULL UNIQUE
);

ALTER TABLE "plugin_catalog"."products"
    ADD COLUMN "category_id" uuid REFERENCES "plugin_catalog"."categories" ("id") ON DELETE SET NULL;
