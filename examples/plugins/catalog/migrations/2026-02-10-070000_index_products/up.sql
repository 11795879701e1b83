-- Built while the shop goes on selling, which PostgreSQL does not do in a transaction: see metadata.toml.
CREATE INDEX CONCURRENTLY "products_category_id_idx" ON "plugin_catalog"."products" ("category_id");

CREATE INDEX CONCURRENTLY "products_name_idx" ON "plugin_catalog"."products" (lower("name"));
