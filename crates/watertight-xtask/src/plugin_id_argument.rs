use watertight_metadata::PluginId;

/// Parses a plugin id for clap, which prints only the message of an error, so the hint is added to it.
pub(crate) fn parse(id: &str) -> Result<PluginId, String> {
    PluginId::parse(id).map_err(|error| format!("{error}; {}", error.hint()))
}
