//! The README's two commands in a fresh clone.

use crate::checkout::{Checkout, Outcome};
use crate::server::{Server, rows};

/// The tables of the plugin schemas and of `public`.
const TABLES: &str = "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY schemaname, tablename) \
     FROM pg_tables WHERE schemaname LIKE 'plugin%' OR schemaname = 'public'";

/// One row, as PostgreSQL prints it.
const EXPECTED: &str = "(\"plugin_auth.__diesel_schema_migrations plugin_auth.sessions plugin_auth.users \
     plugin_catalog.__diesel_schema_migrations plugin_catalog.categories \
     plugin_catalog.product_tags plugin_catalog.products \
     plugin_my_feature.__diesel_schema_migrations plugin_my_feature.items \
     plugin_orders.__diesel_schema_migrations plugin_orders.items\")\n";

#[test]
fn a_new_plugin_is_migrated_on_the_embedded_server_and_its_tests_pass() {
    let checkout = Checkout::new();
    let outcome = checkout
        .xtask(&["new-plugin", "orders", "--migrate"])
        .succeeded();
    assert!(
        outcome
            .stdout
            .contains("examples/plugins/orders/src/schema.rs"),
        "{outcome:?}"
    );
    assert_eq!(checkout.rows(TABLES), EXPECTED);

    // The README's `cargo test` also runs the tests of Watertight's own crates, which CI runs in the repository itself.
    let mut tests = checkout.command("cargo");
    tests.args([
        "test",
        "--locked",
        "--package",
        "plugin-*",
        "--package",
        "server",
    ]);
    let outcome = Outcome::of(tests).succeeded();
    assert!(outcome.stderr.contains("plugin_orders"), "{outcome:?}");

    let again = checkout.xtask(&["new-plugin", "orders"]).succeeded();
    assert!(again.stdout.starts_with("Nothing to do"), "{again:?}");
}

#[test]
fn the_server_of_database_url_is_used() {
    let checkout = Checkout::new();
    let server = Server::start();
    let _ = checkout
        .xtask_on(server.url(), &["new-plugin", "orders", "--migrate"])
        .succeeded();
    assert_eq!(rows(server.url(), TABLES), EXPECTED);
    assert!(!checkout.root().join(".watertight/server.json").exists());
    assert!(!checkout.root().join(".watertight/pglite").exists());

    let mut tests = checkout.command("cargo");
    tests.args(["test", "-p", "plugin-orders", "-p", "plugin-catalog"]);
    tests.env("DATABASE_URL", server.url());
    let _ = Outcome::of(tests).succeeded();
}
