//! The `--help` of every command, in `tests/help/`. `TRYCMD=overwrite` rewrites these files.

#[test]
fn help_is_as_documented() {
    trycmd::TestCases::new().case("tests/help/*.md");
}
