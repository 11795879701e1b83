DROP INDEX CONCURRENTLY "plugin_catalog"."products_name_idx";

DROP INDEX CONCURRENTLY "plugin_catalog"."products_category_id_idx";
