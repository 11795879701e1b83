//! Modified and renumbered migrations, `migrate repair`, `migrate mark`, and files that are no migration.

use std::fs;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::shop::Shop;
use crate::test_workspace::Outcome;

const MODIFIED: &str = r#"CREATE TABLE "plugin_auth"."users" (id bigint);"#;

/// Returns a migrated shop with a modified migration.
fn modified() -> Shop {
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    shop.migration("auth", "1_users", MODIFIED);
    shop
}

fn git(shop: &Shop, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(shop.workspace.root())
        .stdout(Stdio::null());
    assert!(git.status().unwrap().success());
}

#[test]
fn a_modified_migration_stops_all_plugins() {
    let shop = modified();
    shop.migration("shop", "2_more", "CREATE TABLE plugin_shop.more (id int);");
    assert_snapshot!(shop.run(&["migrate"]).failed(), @"
    error: failed to run migrations: 1_users of plugin `auth` was modified since it was applied
    hint: nothing was applied; restore its up.sql, or accept what is in the code as applied, with `cargo xtask migrate repair --plugin auth`
    ");
    assert_eq!(shop.tables(), 4);
    let ran = shop.run(&["migrate", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(ran.code, Some(1));
    assert!(
        document["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("repair")
    );
}

#[test]
fn a_modified_migration_is_shown_as_a_diff_from_what_git_has_as_applied() {
    let shop = Shop::new();
    git(&shop, &["init", "--quiet"]);
    git(&shop, &["add", "plugins"]);
    git(&shop, &["commit", "--quiet", "-m", "one"]);
    shop.run(&["migrate"]).succeeded();
    shop.migration("auth", "1_users", MODIFIED);
    git(&shop, &["commit", "--quiet", "-a", "-m", "two"]);
    let message = shop.run(&["migrate"]).failed();
    let (diff, error) = message.split_once("\nerror: ").unwrap();
    let (header, lines) = diff.split_once('\n').unwrap();
    let path = "--- plugins/auth/migrations/1_users/up.sql (as applied, from git ";
    assert!(header.starts_with(path), "{header}");
    assert_snapshot!(lines, @r#"
    +++ plugins/auth/migrations/1_users/up.sql
    @@ -1 +1 @@
    -CREATE TABLE "plugin_auth"."users" (id int);
    \ No newline at end of file
    +CREATE TABLE "plugin_auth"."users" (id bigint);
    \ No newline at end of file
    "#);
    assert!(error.starts_with("failed to run migrations: 1_users of plugin `auth`"));
}

#[test]
fn a_repair_needs_a_confirmation_and_says_what_it_changed() {
    let shop = modified();
    let repair = ["migrate", "repair", "--plugin", "auth"];
    let ran = Outcome::new(shop.command(&repair).stdin(Stdio::null()).output().unwrap());
    assert_snapshot!(ran.failed(), @"
    Changes to the history of plugin `auth`:
      1_users: accept its modified SQL as applied
    error: failed to repair the history: it needs a confirmation, and this is no terminal
    hint: confirm it with `--yes`
    ");
    assert_snapshot!(shop.run(&[&repair[..], &["--dry-run"]].concat()).succeeded(), @"
    Would change the history of plugin `auth`:
      1_users: accept its modified SQL as applied
    ");
    shop.run(&["migrate"]).failed();
    assert_snapshot!(shop.run(&[&repair[..], &["--yes"]].concat()).succeeded(), @"
    Changed the history of plugin `auth`:
      1_users: accept its modified SQL as applied
    ");
    shop.run(&["migrate"]).succeeded();
    assert_snapshot!(shop.run(&[&repair[..], &["--yes"]].concat()).succeeded(), @"Nothing to repair.");
    shop.run(&["migrate", "repair", "--yes"]).usage_error();
}

#[test]
fn a_renumbered_migration_is_offered_for_repair() {
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    let folder = |name: &str| {
        shop.workspace
            .path(&format!("plugins/shop/migrations/{name}"))
    };
    fs::rename(folder("1_items"), folder("5_items")).unwrap();
    assert_snapshot!(shop.run(&["migrate"]).failed(), @"
    error: failed to run migrations: 5_items of plugin `shop` was applied as version 1
    hint: nothing was applied; rename its folder back, or accept what is in the code as applied, with `cargo xtask migrate repair --plugin shop`
    ");
    assert_snapshot!(shop.run(&["migrate", "status"]).succeeded(), @"
    PLUGIN  SCHEMA       APPLIED  PENDING  AHEAD
    auth    plugin_auth        1        0      0
    shop    plugin_shop        0        1      1

    shop    ahead         1_items  applied, but not in the code
    shop    pending       5_items
    shop    renumbered    5_items  applied as version 1
    ");
    let repaired = shop.run(&["migrate", "repair", "--plugin", "shop", "--yes", "--json"]);
    let document: Value = serde_json::from_str(&repaired.succeeded()).unwrap();
    let change = &document["plugins"][0]["changes"][0];
    assert_eq!(
        (&change["applied_version"], &change["version"]),
        (&"1".into(), &"5".into())
    );
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"Nothing to do: 2 plugins up to date.");
}

#[test]
fn a_migration_is_marked_as_applied_or_pending_after_a_confirmation() {
    let shop = Shop::new();
    let mark = |state: &str, yes: &[&str]| {
        let arguments = [&["migrate", "mark", state, "auth/1_users"], yes].concat();
        Outcome::new(
            shop.command(&arguments)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        )
    };
    assert!(
        mark("--applied", &[])
            .failed()
            .ends_with("hint: confirm it with `--yes`\n")
    );
    assert_snapshot!(mark("--applied", &["--yes"]).succeeded(), @"Recorded version 1 of plugin `auth` as applied.");
    assert_snapshot!(mark("--applied", &["--yes"]).succeeded(), @"Nothing to do: version 1 of plugin `auth` is already applied.");
    assert_snapshot!(shop.run(&["migrate", "--plugin", "auth"]).succeeded(), @"Nothing to do: 1 plugin up to date.");
    assert_snapshot!(mark("--pending", &["--yes"]).succeeded(), @"Recorded version 1 of plugin `auth` as pending.");
    assert_snapshot!(shop.run(&["migrate", "--plugin", "auth"]).succeeded(), @"
    auth: 1 migration applied
    Applied 1 migration; 1 plugin up to date.
    ");
    let unknown = ["migrate", "mark", "--pending", "auth/9", "--yes"];
    assert_snapshot!(shop.run(&unknown).failed(), @"
    error: failed to find version 9 of plugin `auth`: no migration has it
    hint: the status lists the migrations of each plugin
    ");
    shop.run(&["migrate", "mark", "--yes"]).usage_error();
    shop.run(&["migrate", "mark", "--applied", "auth"])
        .usage_error();
}

#[test]
fn files_that_are_no_migration_are_a_warning_of_each_command() {
    let shop = Shop::with_items();
    let stray = "plugins/shop/migrations/2_more.up.sql";
    shop.workspace.write(stray, "SELECT 1;");
    let warning = "warning: plugins/shop/migrations/2_more.up.sql of plugin `shop` is ignored: a migration is a folder \
                   with an up.sql\nhint: rename it to `2_more/up.sql`\n";
    for command in [
        &["migrate", "status"][..],
        &["migrate"],
        &["verify", "shop"],
    ] {
        let ran = shop.run(command);
        assert_eq!(
            ran.stderr.matches(warning).count(),
            1,
            "{command:?}: {}",
            ran.stderr
        );
        let ran = shop.run(&[command, &["--json"]].concat());
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["warnings"][0]["file"], stray, "{command:?}");
    }
    let ran = shop.run(&["generate", "shop"]);
    assert!(ran.stderr.starts_with(warning), "{}", ran.stderr);
}
