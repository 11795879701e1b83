//! Which kind of server a workspace has.

use std::path::Path;

use super::home::Home;
use super::postgresql::{Binaries, usual_binary_folders};
use super::{EmbeddedError, EmbeddedKind, pglite};
use watertight_connection::variable_in;

/// The variable that asks for a kind of embedded server: `pglite`. It may stand in `.env` too.
pub const EMBEDDED_VARIABLE: &str = "WATERTIGHT_EMBEDDED";

/// The kind that is asked for, or else the machine's PostgreSQL, or else PGlite.
pub(super) fn wanted(workspace: &Path) -> Result<EmbeddedKind, EmbeddedError> {
    let setting = variable_in(workspace, EMBEDDED_VARIABLE).unwrap_or_default();
    choose(
        &setting,
        || Home::at(workspace, EmbeddedKind::Postgresql)?.has_data(),
        || Binaries::find(&usual_binary_folders(), None),
        pglite::is_for_this_platform(),
    )
}

fn choose(
    setting: &str,
    has_postgresql_data: impl FnOnce() -> Result<bool, EmbeddedError>,
    find_binaries: impl FnOnce() -> Result<Binaries, EmbeddedError>,
    has_pglite: bool,
) -> Result<EmbeddedKind, EmbeddedError> {
    match setting {
        "" => {}
        "postgresql" => return Ok(EmbeddedKind::Postgresql),
        "pglite" if has_pglite => return Ok(EmbeddedKind::Pglite),
        "pglite" => return Err(EmbeddedError::no_pglite()),
        other => {
            return Err(EmbeddedError::Setting {
                value: other.to_owned(),
            });
        }
    }
    // Whoever has data there is told what is missing, and not given an empty database.
    if has_postgresql_data()? {
        return Ok(EmbeddedKind::Postgresql);
    }
    match find_binaries() {
        Ok(_) => Ok(EmbeddedKind::Postgresql),
        Err(EmbeddedError::NoBinaries { .. }) if has_pglite => Ok(EmbeddedKind::Pglite),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(setting: &str, data: bool, binaries: bool, pglite: bool) -> String {
        let none = || EmbeddedError::NoBinaries {
            found: "none".to_owned(),
            advice: "`apt-get install postgresql`".to_owned(),
        };
        let find = || binaries.then(Binaries::for_test).ok_or_else(none);
        match choose(setting, || Ok(data), find, pglite) {
            Ok(kind) => kind.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn pglite_is_the_last_resort_unless_it_is_asked_for() {
        for (setting, data, binaries, expected) in [
            ("", false, true, "PostgreSQL"),
            ("", false, false, "PGlite"),
            ("", true, false, "PostgreSQL"),
            ("pglite", true, true, "PGlite"),
        ] {
            assert_eq!(chosen(setting, data, binaries, true), expected);
        }
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        insta::assert_snapshot!(chosen("", false, false, false), @"failed to start an embedded PostgreSQL: no server binaries of version 13 or later on this machine (none), and there is no PGlite for it; install `apt-get install postgresql`, or set DATABASE_URL to a server that runs");
        insta::assert_snapshot!(chosen("PGlite", false, true, true), @"failed to choose an embedded database: WATERTIGHT_EMBEDDED is `PGlite`; set it to `pglite`, or unset it");
        insta::assert_snapshot!(chosen("pglite", false, true, false).replace(std::env::consts::OS, "OS").replace(std::env::consts::ARCH, "ARCH"), @"failed to start an embedded PGlite: there is none for OS on ARCH; unset WATERTIGHT_EMBEDDED and install `apt-get install postgresql`, or set DATABASE_URL to a server that runs");
    }
}
