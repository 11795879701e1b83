//! The names of scratch databases.

use std::hash::{BuildHasher as _, RandomState};
use std::time::SystemTime;

/// The number of hexadecimal digits after the prefix.
const SUFFIX_DIGITS: usize = 16;
/// PostgreSQL truncates names to 63 bytes.
const MAX_PREFIX: usize = 63 - SUFFIX_DIGITS - 1;

pub(super) fn is_scratch(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|suffix| {
            suffix.len() == SUFFIX_DIGITS && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

pub(super) fn unique_name(prefix: &str) -> String {
    // The keys of a `RandomState` are random numbers of the operating system.
    let random = RandomState::new().hash_one((std::process::id(), SystemTime::now()));
    format!("{}_{random:016x}", truncated(prefix))
}

pub(super) fn truncated(prefix: &str) -> &str {
    &prefix[..prefix.floor_char_boundary(MAX_PREFIX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_recognised_and_not_truncated() {
        let long = "ä".repeat(40);
        for prefix in ["watertight_test", &long] {
            let (one, other) = (unique_name(prefix), unique_name(prefix));
            assert_ne!(one, other);
            assert!(one.len() <= 63);
            assert!(is_scratch(&one, truncated(prefix)));
        }
        assert!(!is_scratch(
            "watertight_test_a_0123456789abcdef",
            "watertight_test"
        ));
        assert!(!is_scratch("watertight_test_template", "watertight_test"));
    }
}
