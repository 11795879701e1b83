/// What a run does when the history is ahead of the code, or when a migration is out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    Allow,
    /// The report has a warning.
    #[default]
    Warn,
    /// The run stops before anything is applied.
    Deny,
}
