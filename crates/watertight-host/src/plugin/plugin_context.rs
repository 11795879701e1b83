use axum::extract::FromRef;
use watertight_metadata::PluginMetadata;

use crate::plugin::plugin_database::PluginDatabase;

/// The state of a plugin's handlers and the argument of its start-up hooks.
#[derive(Clone)]
pub struct PluginContext {
    metadata: PluginMetadata,
    database: PluginDatabase,
}

impl PluginContext {
    pub(crate) fn new(metadata: PluginMetadata, database: PluginDatabase) -> Self {
        Self { metadata, database }
    }

    /// Returns the plugin's metadata.
    pub fn metadata(&self) -> &PluginMetadata {
        &self.metadata
    }

    /// Returns the plugin's database handle.
    pub fn database(&self) -> &PluginDatabase {
        &self.database
    }
}

impl FromRef<PluginContext> for PluginDatabase {
    fn from_ref(context: &PluginContext) -> Self {
        context.database.clone()
    }
}
