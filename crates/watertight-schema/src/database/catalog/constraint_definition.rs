use postgres_protocol::escape::escape_identifier;
use serde::Deserialize;

/// The definition of a table's constraint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ConstraintDefinition {
    /// What follows `ADD CONSTRAINT name`. Never parsed.
    pub(crate) sql: String,
    /// The parts of a foreign key, or `None` for another constraint.
    pub(crate) foreign_key: Option<ForeignKeyDefinition>,
}

/// The parts of a foreign key, as in `pg_constraint`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are columns of pg_constraint"
)]
pub(crate) struct ForeignKeyDefinition {
    pub(crate) columns: Vec<String>,
    pub(crate) parent_schema: String,
    pub(crate) parent: String,
    match_type: MatchType,
    on_update: ReferentialAction,
    on_delete: ReferentialAction,
    /// The columns of `ON DELETE SET NULL (…)`, if they are listed.
    on_delete_columns: Option<Vec<String>>,
    deferrable: bool,
    initially_deferred: bool,
    enforced: bool,
    validated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum MatchType {
    #[serde(rename = "f")]
    Full,
    #[serde(rename = "p")]
    Partial,
    #[serde(rename = "s")]
    Simple,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum ReferentialAction {
    #[serde(rename = "a")]
    NoAction,
    #[serde(rename = "r")]
    Restrict,
    #[serde(rename = "c")]
    Cascade,
    #[serde(rename = "n")]
    SetNull,
    #[serde(rename = "d")]
    SetDefault,
}

impl ForeignKeyDefinition {
    /// Returns what follows `REFERENCES table (columns)`, such as ` ON DELETE CASCADE DEFERRABLE`.
    pub(crate) fn options_sql(&self) -> String {
        let mut sql = String::new();
        let mut push = |clauses: &[&str]| {
            for clause in clauses {
                sql.push(' ');
                sql.push_str(clause);
            }
        };
        match self.match_type {
            MatchType::Full => push(&["MATCH FULL"]),
            MatchType::Partial => push(&["MATCH PARTIAL"]),
            MatchType::Simple => {}
        }
        if let Some(action) = self.on_update.sql() {
            push(&["ON UPDATE", action]);
        }
        if let Some(action) = self.on_delete.sql() {
            push(&["ON DELETE", action]);
        }
        if let Some(columns) = &self.on_delete_columns {
            let columns: Vec<_> = columns.iter().map(|c| escape_identifier(c)).collect();
            push(&[&format!("({})", columns.join(", "))]);
        }
        if self.deferrable {
            push(&["DEFERRABLE"]);
        }
        if self.initially_deferred {
            push(&["INITIALLY DEFERRED"]);
        }
        if !self.enforced {
            push(&["NOT ENFORCED"]);
        } else if !self.validated {
            push(&["NOT VALID"]);
        }
        sql
    }
}

impl ReferentialAction {
    /// Returns `None` for the default, `NO ACTION`.
    fn sql(self) -> Option<&'static str> {
        match self {
            Self::NoAction => None,
            Self::Restrict => Some("RESTRICT"),
            Self::Cascade => Some("CASCADE"),
            Self::SetNull => Some("SET NULL"),
            Self::SetDefault => Some("SET DEFAULT"),
        }
    }
}
