CREATE TABLE "plugin_shop"."items" (id int PRIMARY KEY, name text NOT NULL);
