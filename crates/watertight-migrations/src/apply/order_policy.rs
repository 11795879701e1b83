//! Stopping a run whose options deny migrations that are ahead or out of order.

use super::selected_plugin::SelectedPlugin;
use crate::errors::{DeniedMigration, DeniedMigrations, MigrateError};
use crate::policy::Policy;
use crate::report::MigrationState;
use crate::session::Options;

/// Checks that no migration is in a state that the options deny.
///
/// # Errors
///
/// Lists the migrations of all plugins that are.
pub(crate) fn check(plugins: &[SelectedPlugin<'_>], options: &Options) -> Result<(), MigrateError> {
    let is_denied = |state| match state {
        MigrationState::Ahead => options.ahead == Policy::Deny,
        MigrationState::OutOfOrder => options.out_of_order == Policy::Deny,
        _ => false,
    };
    if options.ahead != Policy::Deny && options.out_of_order != Policy::Deny {
        return Ok(());
    }
    let mut migrations = Vec::new();
    for status in plugins.iter().map(SelectedPlugin::status) {
        let denied = status.migrations.into_iter();
        let denied = denied.filter(|migration| is_denied(migration.state));
        migrations.extend(denied.map(|migration| DeniedMigration {
            plugin: status.plugin,
            version: migration.version,
            name: migration.name,
            state: migration.state,
        }));
    }
    if migrations.is_empty() {
        Ok(())
    } else {
        Err(MigrateError::Denied(Box::new(DeniedMigrations {
            migrations,
        })))
    }
}
