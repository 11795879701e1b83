//! What the commands say of themselves, in `tests/help/`. `TRYCMD=overwrite` writes those files anew.

#[test]
fn every_command_explains_itself() {
    trycmd::TestCases::new().case("tests/help/*.md");
}
