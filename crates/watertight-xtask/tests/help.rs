//! What the commands say of themselves.

mod common;

use common::TestWorkspace;
use insta::assert_snapshot;

#[test]
fn new_plugin_explains_itself() {
    let help = TestWorkspace::new().run(&["new-plugin", "--help"]).done();
    assert_snapshot!(help, @r#"
    Write a new plugin and make it part of the workspace and its server

    Usage: cargo xtask new-plugin [OPTIONS] <ID>

    Arguments:
      <ID>  The plugin's id: lower-case words joined by hyphens, such as `my-feature`

    Options:
          --description <TEXT>  What the plugin is for, in one line
          --table <NAME>        The example table [default: items]
          --migrate             Then bring the database up to date with the migrations of all plugins
          --dry-run             Show what would be written, and write nothing
          --json                Print one JSON document
      -h, --help                Print help

    Examples:
      cargo xtask new-plugin my-feature --migrate
      cargo xtask new-plugin orders --table order_lines --description "Orders and their lines"
      cargo xtask new-plugin orders --dry-run
    "#);
}

#[test]
fn new_migration_explains_itself() {
    let help = TestWorkspace::new()
        .run(&["new-migration", "--help"])
        .done();
    assert_snapshot!(help, @r"
    Write an empty migration for a plugin

    Usage: cargo xtask new-migration [OPTIONS] <PLUGIN> <NAME>

    Arguments:
      <PLUGIN>  The plugin's id
      <NAME>    What the migration does, such as `add_price`

    Options:
          --no-transaction  Run it outside a transaction, as `CREATE INDEX CONCURRENTLY` needs
          --dry-run         Show what would be written, and write nothing
          --json            Print one JSON document
      -h, --help            Print help

    Examples:
      cargo xtask new-migration orders add_price
      cargo xtask new-migration orders index_price --no-transaction
    ");
}
