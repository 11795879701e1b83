/// How PostgreSQL reads a backslash in a string without a prefix: the setting `standard_conforming_strings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Strings {
    /// On, PostgreSQL's default: a backslash is a character like any other.
    #[default]
    Standard,
    /// Off: a backslash begins an escape, as in `E'…'`.
    Escaped,
}
