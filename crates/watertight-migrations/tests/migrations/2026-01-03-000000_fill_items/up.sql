INSERT INTO "plugin_shop"."items" VALUES (1, 'one') -- no semicolon
