use watertight_metadata::PluginMetadata;

/// The plugin's metadata. Its id determines the schema, the permission ids and the mount path.
pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("my-feature");
