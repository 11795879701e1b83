//! The template, expanded with cargo-generate's own command line.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use tempfile::TempDir;
use walkdir::WalkDir;
use watertight_helpers::Helper;

use crate::checkout::{Checkout, Outcome};

static SOURCES: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/../crates/watertight-xtask/helpers/generate");

/// Builds cargo-generate as `cargo xtask new-workspace` does.
fn cargo_generate() -> PathBuf {
    let helper = Helper::new("watertight-generate", &SOURCES);
    helper.build(&|_| {}).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".git")
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(folder).unwrap().to_owned())
        .collect()
}

#[test]
fn the_template_expands_without_prompts_and_its_commands_work() {
    let checkout = Checkout::new();
    let folder = TempDir::new().unwrap();
    // The default for the crates is a checkout beside the new folder.
    symlink(checkout.root(), folder.path().join("watertight")).unwrap();
    let mut generate = checkout.command(cargo_generate().to_str().unwrap());
    generate
        .arg("generate")
        .arg("--path")
        .arg(checkout.root())
        .args(["template", "--name", "my-app", "--silent"])
        .current_dir(folder.path())
        .env("USER", "somebody");
    let _ = Outcome::of(generate).succeeded();

    let workspace = folder.path().join("my-app");
    let template = checkout.root().join("template");
    for file in files(&template) {
        let rendered = file
            .extension()
            .is_some_and(|extension| extension == "liquid");
        let target = workspace.join(if rendered {
            file.with_extension("")
        } else {
            file.clone()
        });
        if file == Path::new("cargo-generate.toml") {
            assert!(!target.exists());
        } else if rendered {
            let contents = fs::read_to_string(&target).unwrap();
            assert!(
                !contents.contains("{{") && !contents.contains("{%"),
                "{contents}"
            );
        } else {
            // The workflow's `${{ … }}` must not be rendered.
            assert_eq!(
                fs::read(&target).unwrap(),
                fs::read(template.join(&file)).unwrap()
            );
        }
    }
    assert_eq!(files(&workspace).len(), files(&template).len() - 1);

    let mut new_plugin = checkout.command("cargo");
    new_plugin
        .args(["xtask", "new-plugin", "notes"])
        .current_dir(&workspace);
    let outcome = Outcome::of(new_plugin).succeeded();
    assert!(
        outcome.stdout.contains("create plugins/notes/Cargo.toml"),
        "{outcome:?}"
    );
    let mut check = checkout.command("cargo");
    check
        .args(["check", "--workspace", "--locked"])
        .current_dir(&workspace);
    let _ = Outcome::of(check).succeeded();
}
