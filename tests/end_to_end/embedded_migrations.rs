//! The server's embedded migrations and `cargo xtask migrate`, which reads folders, have the same effect.

use crate::checkout::Checkout;
use crate::server::{Server, rows};

/// Everything that migrations create: columns, indexes, enums and history rows.
const OBJECTS: &str = "
    SELECT table_schema, table_name, column_name, data_type, column_default, is_nullable
        FROM information_schema.columns WHERE table_schema LIKE 'plugin%' ORDER BY 1, 2, ordinal_position;
    SELECT schemaname, indexdef FROM pg_indexes WHERE schemaname LIKE 'plugin%' ORDER BY 1, 2;
    SELECT enumtypid::regtype, enumlabel FROM pg_enum ORDER BY enumtypid::regtype::text, enumsortorder;
    SELECT version, name, checksum FROM plugin_auth.__diesel_schema_migrations ORDER BY 1;
    SELECT version, name, checksum FROM plugin_catalog.__diesel_schema_migrations ORDER BY 1;
    SELECT version, name, checksum FROM plugin_my_feature.__diesel_schema_migrations ORDER BY 1;";

#[test]
fn folders_and_embedded_migrations_create_the_same_objects() {
    let checkout = Checkout::new();
    let (by_folder, by_server) = (Server::start(), Server::start());

    let _ = checkout.xtask_on(by_folder.url(), &["migrate"]).succeeded();
    let report = checkout
        .xtask_on(by_server.url(), &["migrate", "--embedded", "--json"])
        .succeeded();
    let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["success"], true, "{report:#}");

    let objects = rows(by_folder.url(), OBJECTS);
    assert!(objects.contains("products_name_idx"), "{objects}");
    assert_eq!(objects, rows(by_server.url(), OBJECTS));

    // Each finds the migrations of the other applied.
    let again = checkout
        .xtask_on(by_folder.url(), &["migrate", "--embedded"])
        .succeeded();
    assert_eq!(again.stdout, "Nothing to do: 3 plugins up to date.\n");
    let again = checkout.xtask_on(by_server.url(), &["migrate"]).succeeded();
    assert_eq!(again.stdout, "Nothing to do: 3 plugins up to date.\n");
}
