CREATE INDEX CONCURRENTLY "items_name" ON "plugin_shop"."items" (name);
CREATE INDEX CONCURRENTLY "items_length" ON "plugin_shop"."items" (length(name));
