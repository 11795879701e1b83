//! Migrating in another process, which can be killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use watertight_diagnostics::ErrorReport;
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, PluginMigrations};

use crate::plugin_folders::{PluginFolders, id};
use crate::runner::run_at;
use crate::test_database::TestDatabase;

const DATABASE: &str = "WATERTIGHT_TEST_DATABASE";
const FOLDER: &str = "WATERTIGHT_TEST_FOLDER";
const PLUGINS: &str = "WATERTIGHT_TEST_PLUGINS";

const CONNECTION: &str = "WATERTIGHT_TEST_CONNECTION";

/// Runs this test binary again, to migrate `plugins` in another process, over the runner's own connections or over Diesel's.
/// It exits with 0 if all of them are up to date.
pub fn spawn_run(plugins: &PluginFolders, url: &str) -> Child {
    spawn(plugins, url, "any")
}

/// Like [`spawn_run`], over the runner's own connections.
pub fn spawn_run_on(plugins: &PluginFolders, url: &str) -> Child {
    spawn(plugins, url, "own")
}

fn spawn(plugins: &PluginFolders, url: &str, connection: &str) -> Child {
    let list: Vec<_> = plugins
        .list()
        .map(|(plugin, needs)| {
            let needs: Vec<_> = needs.iter().map(PluginId::as_str).collect();
            format!("{plugin}:{}", needs.join(","))
        })
        .collect();
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_process::run_in_child_process",
            "--ignored",
            "--nocapture",
        ])
        .env(DATABASE, url)
        .env(CONNECTION, connection)
        .env(FOLDER, plugins.path())
        .env(PLUGINS, list.join(" "))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "started by the tests that need several processes"]
fn run_in_child_process() {
    let Ok(url) = std::env::var(DATABASE) else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let list = std::env::var(PLUGINS).unwrap();
    let plugin = |entry: &str| {
        let (plugin, needs) = entry.split_once(':').unwrap();
        let needs = needs.split_terminator(',').map(id).collect();
        PluginMigrations::from_folder(id(plugin), needs, folder.join(plugin))
    };
    let migrator = Migrator::new(list.split(' ').map(plugin).collect()).unwrap();
    let database = TestDatabase::at(&url);
    let is_own = std::env::var(CONNECTION).is_ok_and(|connection| connection == "own");
    let report = if !is_own && std::process::id().is_multiple_of(2) {
        migrator.run(&mut database.connect(), &[])
    } else {
        run_at(&migrator, database.database_url())
    };
    report
        .and_then(watertight_migrations::RunReport::into_result)
        .unwrap_or_else(|error| panic!("{}", ErrorReport::new(&error)));
}
