CREATE TABLE "plugin_notes"."notes" ("text" text NOT NULL);
