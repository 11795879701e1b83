//! The table in CONTRIBUTING.md that says which file holds which behaviour.

use crate::{read, root};

#[test]
fn the_files_of_the_list_of_behaviours_exist() {
    let page = read("CONTRIBUTING.md");
    let section = page
        .split("\n#")
        .find(|section| {
            let heading = section.lines().next().unwrap_or_default();
            heading.to_lowercase().contains("behaviour")
        })
        .expect("CONTRIBUTING.md has no heading with the word `behaviour`");
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let paths = rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter(|code| {
            let is_file = [".rs", ".md", ".toml", ".sql"]
                .iter()
                .any(|end| code.ends_with(end));
            is_file || code.contains('/')
        });
    let (existing, missing): (Vec<_>, Vec<_>) = paths.partition(|path| root().join(path).exists());
    assert!(
        missing.is_empty(),
        "CONTRIBUTING.md names files that do not exist: {missing:#?}"
    );
    assert!(
        existing.len() >= 20,
        "CONTRIBUTING.md names {} files only",
        existing.len()
    );
}
