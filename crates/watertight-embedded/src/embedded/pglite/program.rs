use std::path::PathBuf;

use watertight_helpers::{Helper, HelperError, HelperProgress};

use crate::embedded::state::embedded_progress::EmbeddedProgress;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helpers/pglite");

/// Builds the helper program unless it is built, and returns its path.
pub(super) fn build(report: &dyn Fn(EmbeddedProgress)) -> Result<PathBuf, HelperError> {
    Helper::new("watertight-pglite", SOURCES).build(&|progress| {
        report(match progress {
            HelperProgress::Building => EmbeddedProgress::BuildingPglite,
            HelperProgress::Waiting => EmbeddedProgress::WaitingForPglite,
        });
    })
}
