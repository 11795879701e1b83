//! Where helpers are kept.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::HelperError;

/// The user's cache folder for Watertight, by the rules of the system.
pub(crate) fn folder() -> Result<PathBuf, HelperError> {
    folder_of(&|name| env::var_os(name), cfg!(target_os = "macos")).ok_or(HelperError::NoCache)
}

/// <https://specifications.freedesktop.org/basedir-spec/latest/>: a relative path is to be ignored.
fn folder_of(variable: &dyn Fn(&str) -> Option<OsString>, is_macos: bool) -> Option<PathBuf> {
    let path = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let in_home = if is_macos { "Library/Caches" } else { ".cache" };
    let caches = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(in_home)))?;
    Some(caches.join("watertight"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_system_wants_it() {
        let folder = |set: &[(&str, &str)], is_macos| {
            let set: Vec<_> = set
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.into()))
                .collect();
            let variable = move |name: &str| -> Option<OsString> {
                set.iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value): &(_, OsString)| value.clone())
            };
            folder_of(&variable, is_macos).map(|path| path.display().to_string())
        };
        let home = ("HOME", "/home/me");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(folder(&[home], false), text("/home/me/.cache/watertight"));
        assert_eq!(
            folder(&[home], true),
            text("/home/me/Library/Caches/watertight")
        );
        assert_eq!(
            folder(&[home, ("XDG_CACHE_HOME", "/c")], false),
            text("/c/watertight")
        );
        assert_eq!(
            folder(&[home, ("XDG_CACHE_HOME", "c")], false),
            text("/home/me/.cache/watertight")
        );
        assert_eq!(folder(&[], false), None);
    }
}
