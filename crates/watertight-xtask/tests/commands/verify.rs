//! `cargo xtask verify`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::shop::Shop;

fn with_down(up: &str, down: &str) -> Shop {
    let shop = Shop::with_items();
    shop.migration("shop", "2_more", up);
    shop.workspace
        .write("plugins/shop/migrations/2_more/down.sql", down);
    shop
}

fn findings(shop: &Shop) -> String {
    let ran = shop.run(&["verify", "shop"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[test]
fn reversible_migrations_have_no_findings() {
    let shop = Shop::with_items();
    assert_snapshot!(shop.run(&["verify"]).succeeded(), @"
    auth: 1 migration up, down and up again
    shop: 1 migration up, down and up again
    ");
    let read: Value =
        serde_json::from_str(&shop.run(&["verify", "shop", "--json"]).succeeded()).unwrap();
    assert_eq!(read["plugins"][0]["migrations"], 1);
}

#[test]
fn objects_that_a_down_leaves_behind_are_found() {
    let up = "CREATE TYPE plugin_shop.mood AS ENUM ('good'); CREATE INDEX mine ON plugin_shop.items (name);
        ALTER TABLE plugin_shop.items ALTER name DROP NOT NULL; CREATE TABLE public.stray (id int)";
    let down = "DROP INDEX plugin_shop.mine";
    assert_snapshot!(findings(&with_down(up, down)), @"
    shop: 3 findings
      2_more/down.sql: column plugin_shop.items.name was `text NOT NULL` and is `text`
      2_more/down.sql: table public.stray is left over
      2_more/down.sql: type plugin_shop.mood is left over
    ");
}

#[test]
fn a_down_that_fails_or_drops_too_much_is_found() {
    let up = "ALTER TABLE plugin_shop.items ADD COLUMN price int";
    assert_snapshot!(findings(&with_down(up, "ALTER TABLE plugin_shop.items DROP COLUMN prize")), @r#"
    shop: 1 finding
      2_more/down.sql: failed to revert migration 2_more of plugin `shop`: column "prize" of relation "items" does not exist
     --> plugins/shop/migrations/2_more/down.sql:1
      |
    1 | ALTER TABLE plugin_shop.items DROP COLUMN prize
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
    assert_snapshot!(findings(&with_down(up, "ALTER TABLE plugin_shop.items DROP COLUMN price, DROP COLUMN name")), @"
    shop: 1 finding
      2_more/down.sql: column plugin_shop.items.name is missing
    ");
}

#[test]
fn an_up_that_differs_the_second_time_is_found() {
    // The table has another name each time.
    let up = "DO $$ BEGIN EXECUTE format('CREATE TABLE plugin_shop.t%s (id int)', txid_current()); END $$";
    let down = "DO $$ DECLARE name text; BEGIN
        SELECT tablename INTO name FROM pg_tables WHERE schemaname = 'plugin_shop' AND tablename LIKE 't%';
        EXECUTE format('DROP TABLE plugin_shop.%I', name); END $$";
    let found = findings(&with_down(up, down));
    assert!(
        found.contains("2_more/up.sql: table plugin_shop.t"),
        "{found}"
    );
}
