//! Signals that end `cargo xtask migrate`.

use std::process::{Child, Command, Stdio};

use crate::shop::Shop;
use crate::test_workspace::Outcome;

/// Runs `migrate` with a migration that sleeps, and sends a signal meanwhile.
fn interrupt(shop: &Shop, signal: &str) -> Outcome {
    shop.migration(
        "shop",
        "2_slow",
        "CREATE TABLE plugin_shop.slow (id int); SELECT pg_sleep(600);",
    );
    let mut run = spawn(shop);
    shop.wait_until_it_sleeps(&mut run);
    send(signal, run.id());
    Outcome::new(run.wait_with_output().unwrap())
}

fn spawn(shop: &Shop) -> Child {
    let mut command = shop.command(&["migrate"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn ctrl_c_rolls_the_running_migration_back() {
    let shop = Shop::new();
    let ran = interrupt(&shop, "-INT");
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(
            "error: interrupted: migration 2_slow of plugin `shop` was rolled back\nhint: run it again\n"
        ),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout
            .contains("shop: 1 migration applied; interrupted at 2_slow\n"),
        "{}",
        ran.stdout
    );
    if !crate::shop::has_one_connection() {
        assert_eq!(shop.sleeping(), 0);
    }
    assert_eq!(shop.tables(), 4);
}

#[test]
fn sigterm_and_sighup_are_handled_as_ctrl_c() {
    for signal in ["-TERM", "-HUP"] {
        let ran = interrupt(&Shop::new(), signal);
        assert_eq!(ran.code, Some(130), "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("interrupted: migration 2_slow of plugin `shop` was rolled back"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_server_that_hangs() {
    if crate::shop::has_one_connection() {
        return;
    }
    let shop = Shop::new();
    shop.migration("shop", "2_slow", "SELECT pg_sleep(600);");
    let mut run = spawn(&shop);
    shop.wait_until_it_sleeps(&mut run);
    let backend = shop.count("SELECT pid::bigint FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'");
    let backend = u32::try_from(backend).unwrap();
    send("-STOP", backend);
    while run.try_wait().unwrap().is_none() {
        send("-INT", run.id());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let ran = Outcome::new(run.wait_with_output().unwrap());
    send("-CONT", backend);
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    // It would have printed so some seconds later.
    assert!(!ran.stderr.contains("unknown"), "{}", ran.stderr);
}
