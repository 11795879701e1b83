-- CREATE INDEX CONCURRENTLY does not block writes, but cannot run in a transaction: see metadata.toml.
CREATE INDEX CONCURRENTLY "products_category_id_idx" ON "plugin_catalog"."products" ("category_id");

CREATE INDEX CONCURRENTLY "products_name_idx" ON "plugin_catalog"."products" (lower("name"));
