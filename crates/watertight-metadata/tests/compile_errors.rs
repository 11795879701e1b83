//! Invalid metadata does not compile, and the compiler's message has the rule.

use std::fs;
use std::iter;
use std::process::Command;

/// Invalid metadata, each with the rule that the compiler's message must have.
const INVALID: [(&str, &str); 4] = [
    (
        r#"PluginMetadata::new("My-Feature")"#,
        "a plugin id is lower case",
    ),
    (
        r#"PluginMetadata::new("my_feature")"#,
        "a plugin id has hyphens, not underscores, so that no two ids share a schema",
    ),
    (
        r#"PluginMetadata::new("orders").depends_on(&["orders"])"#,
        "a plugin does not depend on itself",
    ),
    (
        r#"PluginMetadata::new("orders").depends_on(&["Catalog"])"#,
        "a plugin id is lower case",
    ),
];

/// Checks a crate for it instead of comparing stored compiler output, which depends on whether the toolchain has the
/// standard library's source.
#[test]
fn invalid_metadata_is_a_compile_error_with_the_rule() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(
        folder.path().join("Cargo.toml"),
        format!(
            "[package]\nname = \"invalid\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\nwatertight-metadata = {{ path = {:?} }}\n",
            env!("CARGO_MANIFEST_DIR")
        ),
    )
    .unwrap();
    let constants = INVALID.iter().enumerate().map(|(index, (metadata, _))| {
        format!("pub const METADATA_{index}: PluginMetadata = {metadata};\n")
    });
    let source = iter::once("use watertight_metadata::PluginMetadata;\n".to_owned())
        .chain(constants)
        .collect::<String>();
    fs::write(folder.path().join("src/lib.rs"), source).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet"])
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let output = String::from_utf8_lossy(&output.stderr);
    // The compiler reports one error for each constant, with an empty line after it.
    let errors: Vec<&str> = output.split("\n\n").collect();
    for (index, (metadata, rule)) in INVALID.iter().enumerate() {
        let location = format!("src/lib.rs:{}:", index + 2);
        let error = errors.iter().find(|error| error.contains(&location));
        assert!(
            error.is_some_and(|error| error.contains(rule)),
            "{metadata}: {output}"
        );
    }
}
