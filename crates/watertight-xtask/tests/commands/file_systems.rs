//! Workspaces with a folder on another file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::test_workspace::TestWorkspace;

/// A tmpfs in a folder of a workspace, unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// Mounts a tmpfs and moves the contents of the folder to it. Returns `None` where that is not allowed.
    fn over(folder: &Path) -> Option<Self> {
        let aside = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder).unwrap();
        let copy = |from: &Path, to: &Path| {
            let mut command = Command::new("cp");
            command.arg("-a").arg(from.join(".")).arg(to);
            assert!(command.status().unwrap().success());
        };
        copy(folder, aside.path());
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "tmpfs"]).arg(folder).output();
        if !mount.is_ok_and(|mounted| mounted.status.success()) {
            eprintln!("skipped: mounting a tmpfs is not allowed");
            return None;
        }
        copy(aside.path(), folder);
        Some(Self(folder.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A workspace with one plugin and a folder on a tmpfs.
fn mounted(folder: &str) -> Option<(Mounted, TestWorkspace)> {
    let workspace = TestWorkspace::new();
    workspace.write_plugin("orders", "orders", "plugin-orders");
    let mounted = Mounted::over(&workspace.path(folder))?;
    Some((mounted, workspace))
}

#[test]
fn files_are_written_to_a_folder_on_another_file_system() {
    for folder in [
        ".watertight",
        "plugins",
        "plugins/orders",
        "plugins/orders/migrations",
        "server",
    ] {
        let Some((_mounted, workspace)) = mounted(folder) else {
            return;
        };
        workspace.run(&["new-migration", "orders", "x"]).succeeded();
        workspace.run(&["new-plugin", "shop"]).succeeded();
        assert!(workspace.path("plugins/shop/src/lib.rs").is_file());
        let plugins = workspace.read("server/src/plugins.rs");
        assert!(plugins.contains("plugin_shop::plugin()"), "{plugins}");
        let left: Vec<_> = workspace
            .tree()
            .into_keys()
            .filter(|path| path.to_string_lossy().contains("staging"))
            .collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

#[test]
fn a_failure_undoes_the_changes_on_another_file_system() {
    for folder in [".watertight", "plugins", "server"] {
        let Some((_mounted, workspace)) = mounted(folder) else {
            return;
        };
        workspace.write(
            "templates/plugin/Cargo.toml.jinja",
            "[package]\nname = \"{{ package }}\"\n\n[dependencies]\nserver = { path = \"../../nowhere\" }\n",
        );
        workspace.fails(&["new-plugin", "shop"]);
    }
}
