use watertight_diagnostics::{Diagnostic, SourceExcerpt};
use watertight_metadata::PluginId;

use crate::direction::Direction;

/// A migration's SQL that was not sent, because of a construct in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to {direction} migration {migration} of plugin `{plugin}`: {reason}")]
pub struct RefusedSql {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// What was to be done with it.
    pub direction: Direction,
    /// The location of the construct.
    pub location: SourceExcerpt,
    /// Why it is refused.
    pub reason: String,
    /// What to write instead.
    pub remedy: &'static str,
}

impl Diagnostic for RefusedSql {
    fn hint(&self) -> Option<String> {
        Some(format!(
            "{}; nothing of this migration was sent",
            self.remedy
        ))
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        Some(self.location.clone())
    }
}
