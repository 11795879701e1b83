use semver::{Comparator, Version, VersionReq};
use toml_edit::Item;

/// Versions with which the generated code compiles too, although they are below the ones that a workspace gets.
const ALSO_WORK: [(&str, &str); 1] = [("thiserror", "1")];

/// A dependency of the workspace whose version does not work with the generated code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IncompatibleVersion {
    pub(crate) name: String,
    /// The version requirement of the workspace.
    pub(crate) present: String,
    /// The version requirement of the generated code.
    pub(crate) required: String,
}

/// Compares the workspace's entry for a dependency with the one that the generated code needs. An entry without a
/// version, such as one with `git`, is not compared.
pub(super) fn incompatible(
    name: &str,
    present: &Item,
    required: &Item,
) -> Option<IncompatibleVersion> {
    let (present, required) = (version(present)?, version(required)?);
    let parsed = VersionReq::parse(present).ok()?;
    let accepted = ALSO_WORK.iter().filter(|(other, _)| *other == name);
    let compatible = accepted
        .map(|(_, accepted)| *accepted)
        .chain([required])
        .filter_map(|accepted| VersionReq::parse(accepted).ok())
        .any(|accepted| overlap(&parsed, &accepted));
    (!compatible).then(|| IncompatibleVersion {
        name: name.to_owned(),
        present: present.to_owned(),
        required: required.to_owned(),
    })
}

fn version(dependency: &Item) -> Option<&str> {
    dependency.get("version").unwrap_or(dependency).as_str()
}

/// Returns whether some version matches both requirements, so that Cargo can choose it.
fn overlap(a: &VersionReq, b: &VersionReq) -> bool {
    if a.comparators.is_empty() || b.comparators.is_empty() {
        return true;
    }
    let comparators = a.comparators.iter().chain(&b.comparators);
    comparators
        .flat_map(bounds)
        .any(|version| a.matches(&version) && b.matches(&version))
}

/// Returns the versions at which a comparator can begin to match.
fn bounds(comparator: &Comparator) -> [Version; 4] {
    let (major, minor, patch) = (
        comparator.major,
        comparator.minor.unwrap_or(0),
        comparator.patch.unwrap_or(0),
    );
    let mut exact = Version::new(major, minor, patch);
    exact.pre = comparator.pre.clone();
    [
        exact,
        Version::new(major, minor, patch + 1),
        Version::new(major, minor + 1, 0),
        Version::new(major + 1, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_compatible_when_cargo_can_choose_one_version_for_both() {
        let compatible = |name: &str, present: &str, required: &str| {
            let item = |version: &str| toml_edit::value(version);
            incompatible(name, &item(present), &item(required)).is_none()
        };
        for (present, required) in [
            ("0.8", "0.8"),
            ("0.8.4", "0.8"),
            ("2.2", "2.3"),
            ("=2.4.1", "2.3"),
            (">=0.7", "0.9"),
            (">=0.7, <0.10", "0.9"),
            (">2.2", "2.3"),
            ("*", "1"),
            ("1.*", "1"),
        ] {
            assert!(compatible("a", present, required), "{present} {required}");
        }
        for (present, required) in [
            ("0.7", "0.8"),
            ("2", "3"),
            ("=2.2.1", "2.3"),
            ("~2.2", "2.3"),
            (">=0.7, <0.9", "0.9"),
            ("4", "3"),
        ] {
            assert!(!compatible("a", present, required), "{present} {required}");
        }
        assert!(compatible("thiserror", "1.0.40", "2"));
        let git: toml_edit::DocumentMut = "a = { git = \"https://example.org\" }".parse().unwrap();
        assert_eq!(incompatible("a", &git["a"], &toml_edit::value("1")), None);
    }
}
