/// What became of tables and columns that are no longer in `schema.rs`. Names are PostgreSQL's. A column is
/// `table.column`, with the old or the new name of a renamed table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenameAnswers {
    /// Pairs of the old and the new name of what was renamed. The new name of a column is without its table.
    pub renamed: Vec<(String, String)>,
    /// The names of what was dropped.
    pub dropped: Vec<String>,
}

impl RenameAnswers {
    /// Replaces the old names of renamed tables in front of columns.
    pub(crate) fn with_new_table_names(&self) -> Self {
        let new_name = |name: &String| {
            let (table, column) = name.split_once('.')?;
            let (_, to) = self.renamed.iter().find(|(from, _)| from == table)?;
            Some(format!("{to}.{column}"))
        };
        let new_name = |name: &String| new_name(name).unwrap_or_else(|| name.clone());
        let renamed = self.renamed.iter();
        Self {
            renamed: renamed
                .map(|(from, to)| (new_name(from), to.clone()))
                .collect(),
            dropped: self.dropped.iter().map(new_name).collect(),
        }
    }
}
