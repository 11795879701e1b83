//! The helper's program.

use std::path::PathBuf;

use watertight_helpers::{Helper, HelperError};

use crate::Progress;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helpers/pglite");

/// The program; it is built if it has not been.
pub(super) fn build(report: &dyn Fn(Progress)) -> Result<PathBuf, HelperError> {
    Helper::new("watertight-pglite", SOURCES).build(&|progress| {
        report(match progress {
            watertight_helpers::Progress::Building => Progress::BuildingPglite,
            watertight_helpers::Progress::Waiting => Progress::WaitingForPglite,
        });
    })
}
