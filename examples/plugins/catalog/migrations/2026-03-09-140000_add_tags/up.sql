CREATE TABLE "plugin_catalog"."product_tags" (
    "product_id" uuid NOT NULL,
    "tag" varchar(50) NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("product_id", "tag")
);

ALTER TABLE "plugin_catalog"."product_tags" ADD FOREIGN KEY ("product_id") REFERENCES "plugin_catalog"."products" ("id");
