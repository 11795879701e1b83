//! The server runs what it has embedded; `cargo xtask migrate` runs the folders. Both do the same.

use crate::checkout::Checkout;
use crate::server::{Server, rows};

/// Everything that migrations make: columns, indexes, enums, and what the histories say.
const WHAT_IS_THERE: &str = "
    SELECT table_schema, table_name, column_name, data_type, column_default, is_nullable
        FROM information_schema.columns WHERE table_schema LIKE 'plugin%' ORDER BY 1, 2, ordinal_position;
    SELECT schemaname, indexdef FROM pg_indexes WHERE schemaname LIKE 'plugin%' ORDER BY 1, 2;
    SELECT enumtypid::regtype, enumlabel FROM pg_enum ORDER BY enumtypid::regtype::text, enumsortorder;
    SELECT version, name, checksum FROM plugin_auth.__diesel_schema_migrations ORDER BY 1;
    SELECT version, name, checksum FROM plugin_catalog.__diesel_schema_migrations ORDER BY 1;
    SELECT version, name, checksum FROM plugin_my_feature.__diesel_schema_migrations ORDER BY 1;";

#[test]
fn folders_and_the_server_s_embedded_migrations_make_the_same_database() {
    let checkout = Checkout::new();
    let (by_folder, by_server) = (Server::start(), Server::start());

    let _ = checkout.xtask_on(by_folder.url(), &["migrate"]).succeeded();
    let report = checkout
        .xtask_on(by_server.url(), &["migrate", "--embedded", "--json"])
        .succeeded();
    let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["success"], true, "{report:#}");

    let made = rows(by_folder.url(), WHAT_IS_THERE);
    assert!(made.contains("products_name_idx"), "{made}");
    assert_eq!(made, rows(by_server.url(), WHAT_IS_THERE));

    // Each takes the other's work for its own.
    let again = checkout
        .xtask_on(by_folder.url(), &["migrate", "--embedded"])
        .succeeded();
    assert_eq!(again.stdout, "Nothing to do: 3 plugins up to date.\n");
    let again = checkout.xtask_on(by_server.url(), &["migrate"]).succeeded();
    assert_eq!(again.stdout, "Nothing to do: 3 plugins up to date.\n");
}
