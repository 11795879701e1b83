use std::path::PathBuf;

use include_dir::{Dir, include_dir};
use watertight_helpers::{Helper, HelperError, HelperProgress};

use crate::embedded::state::embedded_progress::EmbeddedProgress;

static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/helpers/pglite");

/// Builds the helper program unless it is built, and returns its path.
pub(super) fn build(report: &dyn Fn(EmbeddedProgress)) -> Result<PathBuf, HelperError> {
    Helper::new("watertight-pglite", &SOURCES).build(&|progress| {
        report(match progress {
            HelperProgress::Building => EmbeddedProgress::BuildingPglite,
            HelperProgress::Waiting => EmbeddedProgress::WaitingForPglite,
        });
    })
}
