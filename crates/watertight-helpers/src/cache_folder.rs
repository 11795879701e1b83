use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::helper_error::HelperError;

/// Returns the user's cache folder for Watertight.
pub(crate) fn cache_folder() -> Result<PathBuf, HelperError> {
    folder_in(&|name| env::var_os(name), cfg!(target_os = "macos")).ok_or(HelperError::NoCache)
}

/// Relative paths are ignored, as <https://specifications.freedesktop.org/basedir-spec/latest/> demands.
fn folder_in(variable: &dyn Fn(&str) -> Option<OsString>, is_macos: bool) -> Option<PathBuf> {
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
    fn the_cache_folder_follows_the_conventions_of_the_operating_system() {
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
            folder_in(&variable, is_macos).map(|path| path.display().to_string())
        };
        let home = ("HOME", "/home/me");
        let some = |path: &str| Some(path.to_owned());
        assert_eq!(folder(&[home], false), some("/home/me/.cache/watertight"));
        assert_eq!(
            folder(&[home], true),
            some("/home/me/Library/Caches/watertight")
        );
        assert_eq!(
            folder(&[home, ("XDG_CACHE_HOME", "/c")], false),
            some("/c/watertight")
        );
        assert_eq!(
            folder(&[home, ("XDG_CACHE_HOME", "c")], false),
            some("/home/me/.cache/watertight")
        );
        assert_eq!(folder(&[], false), None);
    }
}
