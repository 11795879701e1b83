DROP TABLE "plugin_notes"."notes";
