CREATE TABLE "plugin_auth"."users" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "email" text NOT NULL,
    "display_name" text,
    "created_at" timestamp DEFAULT now() NOT NULL,
    "updated_at" timestamp DEFAULT now() NOT NULL
);

-- Email addresses are unique regardless of case.
CREATE UNIQUE INDEX "users_email_key" ON "plugin_auth"."users" (lower("email"));
