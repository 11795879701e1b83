use serde::Deserialize;

/// The definition of a column. Every string is SQL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ColumnDefinition {
    #[serde(rename = "type")]
    pub(crate) sql_type: String,
    pub(crate) collation: Option<String>,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    pub(crate) generated: Option<String>,
    /// `ALWAYS` or `BY DEFAULT`.
    pub(crate) identity: Option<String>,
    /// Properties that are compared, but not restored: privileges, storage, options.
    pub(crate) other: Option<String>,
}

impl ColumnDefinition {
    /// Returns what follows the column's name in `CREATE TABLE`.
    pub(crate) fn to_sql(&self) -> String {
        let clauses = [
            Some(self.sql_type.clone()),
            self.collation
                .as_ref()
                .map(|collation| format!("COLLATE {collation}")),
            self.generated
                .as_ref()
                .map(|expression| format!("GENERATED ALWAYS AS ({expression}) STORED")),
            self.default
                .as_ref()
                .map(|default| format!("DEFAULT {default}")),
            self.identity
                .as_ref()
                .map(|when| format!("GENERATED {when} AS IDENTITY")),
            self.not_null.then(|| "NOT NULL".to_owned()),
        ];
        let clauses: Vec<String> = clauses.into_iter().flatten().collect();
        clauses.join(" ")
    }
}
