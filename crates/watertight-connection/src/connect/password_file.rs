//! libpq's password file, `.pgpass`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Returns the password on the first matching line of `file`. As in libpq, a file that others can read is ignored.
pub(super) fn password(
    file: &Path,
    host: &str,
    port: u16,
    database: &str,
    user: &str,
) -> Option<String> {
    if !fs::metadata(file).ok()?.is_file() || is_open_to_others(file) {
        return None;
    }
    find(
        &fs::read_to_string(file).ok()?,
        [host, &port.to_string(), database, user],
    )
}

/// Returns whether users other than the owner have a right to the file.
pub(crate) fn is_open_to_others(file: &Path) -> bool {
    fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

fn find(contents: &str, wanted: [&str; 4]) -> Option<String> {
    contents
        .lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let fields = split(line);
            let (password, keys) = fields.split_last()?;
            let matches = keys.len() == 4
                && keys
                    .iter()
                    .zip(wanted)
                    .all(|(key, wanted)| key == "*" || key == wanted);
            matches.then(|| password.clone())
        })
}

/// Splits `host:port:database:user:password`, in which a backslash escapes `:` and itself.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        fields
            .last_mut()
            .expect("the list starts with one field")
            .push(character);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database_url::DatabaseUrl;

    #[test]
    fn the_first_matching_line_has_the_password() {
        let contents =
            "# a comment\nother:5432:*:*:no\n*:5432:shop:me:a\\:b\\\\c:d\n*:*:*:*:late\n";
        assert_eq!(
            find(contents, ["db", "5432", "shop", "me"]).as_deref(),
            Some("a:b\\c:d")
        );
        assert_eq!(
            find(contents, ["db", "1", "shop", "me"]).as_deref(),
            Some("late")
        );
        assert_eq!(
            find("db:5432:shop:me\n", ["db", "5432", "shop", "me"]),
            None
        );
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        fs::write(&file, "*:*:*:*:secret").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(password(&file, "h", 1, "d", "u"), None);
        let url = |password| {
            let file = file.display();
            format!("postgres://u{password}@h/d?passfile={file}").parse::<DatabaseUrl>()
        };
        let warnings = url("").unwrap().warnings();
        let expected = format!(
            "the password file {0} is ignored, because other users can read it; run `chmod 600 {0}`",
            file.display()
        );
        assert_eq!(warnings, [expected]);
        assert!(url(":given").unwrap().warnings().is_empty());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(&file, "h", 1, "d", "u").as_deref(), Some("secret"));
        assert!(url("").unwrap().warnings().is_empty());
    }
}
