use watertight_metadata::PluginMetadata;

/// The plugin's id, from which its schema, permissions and mount path come.
pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("catalog").depends_on(&["auth"]);
