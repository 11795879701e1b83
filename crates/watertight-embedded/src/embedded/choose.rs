//! Choosing the kind of a workspace's server.

use std::path::Path;

use watertight_connection::variable_in;

use super::pglite;
use super::postgresql::binaries::{Binaries, usual_binary_folders};
use super::state::embedded_error::EmbeddedError;
use super::state::embedded_kind::{EMBEDDED_VARIABLE, EmbeddedKind};
use super::state::home::Home;

/// Returns the kind that [`EMBEDDED_VARIABLE`] chooses, or else PostgreSQL if it is installed, or else PGlite.
pub(super) fn choose_kind(workspace: &Path) -> Result<EmbeddedKind, EmbeddedError> {
    let setting = variable_in(workspace, EMBEDDED_VARIABLE).unwrap_or_default();
    choose(
        &setting,
        || Home::at(workspace, EmbeddedKind::Postgresql)?.has_data(),
        || Binaries::find(&usual_binary_folders(), None),
        pglite::supports_this_platform(),
    )
}

fn choose(
    setting: &str,
    has_postgresql_data: impl FnOnce() -> Result<bool, EmbeddedError>,
    find_binaries: impl FnOnce() -> Result<Binaries, EmbeddedError>,
    supports_pglite: bool,
) -> Result<EmbeddedKind, EmbeddedError> {
    match setting {
        "" => {}
        "postgresql" => return Ok(EmbeddedKind::Postgresql),
        "pglite" if supports_pglite => return Ok(EmbeddedKind::Pglite),
        "pglite" => return Err(pglite::unsupported_platform()),
        other => {
            return Err(EmbeddedError::Setting {
                value: other.to_owned(),
            });
        }
    }
    // With data in PostgreSQL, an error about missing binaries is better than an empty database in PGlite.
    if has_postgresql_data()? {
        return Ok(EmbeddedKind::Postgresql);
    }
    match find_binaries() {
        Ok(_) => Ok(EmbeddedKind::Postgresql),
        Err(EmbeddedError::NoBinaries { .. }) if supports_pglite => Ok(EmbeddedKind::Pglite),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use watertight_diagnostics::ErrorReport;

    use super::*;

    fn chosen(setting: &str, has_data: bool, has_binaries: bool, supports_pglite: bool) -> String {
        let missing = || EmbeddedError::NoBinaries {
            found: "none".to_owned(),
            install: "`apt-get install postgresql`".to_owned(),
        };
        let find_binaries = || has_binaries.then(Binaries::for_test).ok_or_else(missing);
        match choose(setting, || Ok(has_data), find_binaries, supports_pglite) {
            Ok(kind) => kind.to_string(),
            Err(error) => ErrorReport::new(&error).to_string(),
        }
    }

    #[test]
    fn pglite_is_used_without_postgresql_or_when_it_is_chosen() {
        for (setting, has_data, has_binaries, expected) in [
            ("", false, true, "PostgreSQL"),
            ("", false, false, "PGlite"),
            ("", true, false, "PostgreSQL"),
            ("pglite", true, true, "PGlite"),
            ("postgresql", false, false, "PostgreSQL"),
        ] {
            assert_eq!(chosen(setting, has_data, has_binaries, true), expected);
        }
    }

    #[test]
    fn an_unavailable_kind_is_an_error() {
        insta::assert_snapshot!(chosen("", false, false, false), @r"
        error: failed to start an embedded PostgreSQL: this machine has no server binaries of version 13 or later (none), and PGlite does not support it
        hint: install PostgreSQL with `apt-get install postgresql`, or set DATABASE_URL to a running server
        ");
        insta::assert_snapshot!(chosen("PGlite", false, true, true), @r"
        error: failed to choose an embedded database: WATERTIGHT_EMBEDDED is `PGlite`
        hint: set it to `postgresql` or `pglite`, or unset it
        ");
        insta::assert_snapshot!(chosen("pglite", false, true, false).replace(std::env::consts::OS, "OS").replace(std::env::consts::ARCH, "ARCH"), @r"
        error: failed to start an embedded PGlite: it does not support OS on ARCH
        hint: unset WATERTIGHT_EMBEDDED and install PostgreSQL with `apt-get install postgresql`, or set DATABASE_URL to a running server
        ");
    }
}
