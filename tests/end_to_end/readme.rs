//! The README's tour, run as it is written.

use std::fs;
use std::path::Path;

use crate::checkout::Checkout;

#[test]
fn the_readme_s_tour_prints_what_it_shows() {
    let checkout = Checkout::new();
    // The commands run in the folder that lies beside the text and is called `README.in`.
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        checkout.root().join("README.md"),
        folder.path().join("README.md"),
    )
    .unwrap();
    std::os::unix::fs::symlink(checkout.root(), folder.path().join("README.in")).unwrap();
    trycmd::TestCases::new()
        .register_bin("cargo", Path::new(env!("CARGO")))
        .env(
            "CARGO_TARGET_DIR",
            checkout.target_folder().to_string_lossy(),
        )
        // The README leaves out what cargo says before the command begins.
        .env("CARGO_TERM_QUIET", "true")
        // An empty one counts as none.
        .env("DATABASE_URL", "")
        .case(folder.path().join("README.md"))
        .run();
}
