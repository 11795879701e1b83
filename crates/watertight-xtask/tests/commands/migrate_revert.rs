//! `cargo xtask migrate revert` and `redo`.

use insta::assert_snapshot;

use crate::shop::Shop;

#[test]
fn migrations_are_reverted_newest_first_and_redone() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_prices",
        r#"CREATE TABLE "plugin_shop"."prices" (id int);"#,
    );
    shop.run(&["migrate"]).succeeded();
    assert_snapshot!(shop.run(&["migrate", "redo", "--plugin", "shop"]).succeeded(), @"Reverted 2_prices of plugin `shop` and ran it again.");
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop"]).succeeded(), @"Reverted 1 migration of plugin `shop`.");
    assert_eq!(shop.tables(), 4);
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop", "--steps", "9"]).succeeded(), @"Reverted 1 migration of plugin `shop`.");
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop"]).succeeded(), @"Nothing to do: no migration of plugin `shop` is applied.");
    assert_snapshot!(shop.run(&["migrate", "redo", "--plugin", "shop"]).failed(), @"
    error: failed to redo a migration of plugin `shop`: none is applied
    hint: run its migrations first
    ");
    shop.run(&["migrate", "revert", "--plugin", "shop", "--steps", "0"])
        .usage_error();
}

#[test]
fn a_migration_without_down_sql_is_not_reverted() {
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    std::fs::remove_file(
        shop.workspace
            .path("plugins/shop/migrations/1_items/down.sql"),
    )
    .unwrap();
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop"]).failed(), @"
    error: failed to revert migration 1_items of plugin `shop`: it has no down.sql
    hint: write one, or undo it with a new migration
    ");
    assert_eq!(shop.tables(), 4);
}
