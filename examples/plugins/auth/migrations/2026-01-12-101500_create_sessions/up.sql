CREATE TABLE "plugin_auth"."sessions" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "user_id" uuid NOT NULL REFERENCES "plugin_auth"."users" ("id") ON DELETE CASCADE,
    "expires_at" timestamp NOT NULL,
    "created_at" timestamp DEFAULT now() NOT NULL
);

CREATE INDEX "sessions_user_id_idx" ON "plugin_auth"."sessions" ("user_id");
