DROP INDEX CONCURRENTLY "plugin_shop"."items_length";
DROP INDEX CONCURRENTLY "plugin_shop"."items_name";
