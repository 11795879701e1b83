//! Passwords from libpq's password file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// In the home folder.
pub(crate) const DEFAULT_NAME: &str = ".pgpass";

/// The password of the first line of `file` that fits. As libpq does, a file that others can read is not
/// used.
pub(crate) fn password(
    file: &Path,
    host: &str,
    port: u16,
    database: &str,
    user: &str,
) -> Option<String> {
    let metadata = fs::metadata(file).ok()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
        return None;
    }
    find(
        &fs::read_to_string(file).ok()?,
        [host, &port.to_string(), database, user],
    )
}

fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let fields = split(line);
            let (password, keys) = fields.split_last()?;
            let fits = keys.len() == 4
                && keys
                    .iter()
                    .zip(wanted)
                    .all(|(key, wanted)| key == "*" || key == wanted);
            fits.then(|| password.clone())
        })
}

/// `host:port:database:user:password`; a backslash takes the meaning from a `:` or a backslash.
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
            .expect("there is one from the start")
            .push(character);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let file = "# a comment\nother:5432:*:*:no\n*:5432:shop:me:a\\:b\\\\c:d\n*:*:*:*:late\n";
        assert_eq!(
            find(file, ["db", "5432", "shop", "me"]).as_deref(),
            Some("a:b\\c:d")
        );
        assert_eq!(
            find(file, ["db", "1", "shop", "me"]).as_deref(),
            Some("late")
        );
        assert_eq!(
            find("db:5432:shop:me\n", ["db", "5432", "shop", "me"]),
            None
        );
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        fs::write(&file, "*:*:*:*:secret").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(password(&file, "h", 1, "d", "u"), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(&file, "h", 1, "d", "u").as_deref(), Some("secret"));
    }
}
