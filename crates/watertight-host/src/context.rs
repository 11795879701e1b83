use axum::extract::FromRef;
use watertight_metadata::PluginMetadata;

use crate::PluginDatabase;

/// What the host gives a plugin: the state of its handlers, and what its start-up steps are called with.
#[derive(Clone)]
pub struct PluginContext {
    metadata: PluginMetadata,
    database: PluginDatabase,
}

impl PluginContext {
    pub(crate) fn new(metadata: PluginMetadata, database: PluginDatabase) -> Self {
        Self { metadata, database }
    }

    /// The plugin's metadata.
    pub fn metadata(&self) -> &PluginMetadata {
        &self.metadata
    }

    /// The plugin's own database handle.
    pub fn database(&self) -> &PluginDatabase {
        &self.database
    }
}

impl FromRef<PluginContext> for PluginDatabase {
    fn from_ref(context: &PluginContext) -> Self {
        context.database.clone()
    }
}
