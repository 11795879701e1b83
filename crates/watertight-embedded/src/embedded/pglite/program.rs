//! The helper's program.

use std::path::PathBuf;

use watertight_helpers::{Helper, HelperError};

use crate::EmbeddedProgress;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helpers/pglite");

/// The program; it is built if it has not been.
pub(super) fn build(report: &dyn Fn(EmbeddedProgress)) -> Result<PathBuf, HelperError> {
    Helper::new("watertight-pglite", SOURCES).build(&|progress| {
        report(match progress {
            watertight_helpers::Progress::Building => EmbeddedProgress::BuildingPglite,
            watertight_helpers::Progress::Waiting => EmbeddedProgress::WaitingForPglite,
        });
    })
}
