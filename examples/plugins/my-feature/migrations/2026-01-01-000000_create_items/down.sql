-- Undoes up.sql.
DROP TABLE "plugin_my_feature"."items";
