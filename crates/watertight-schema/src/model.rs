/// The tables of one PostgreSQL schema, as a `schema.rs` says them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Its name in PostgreSQL.
    pub name: String,
    /// By their names in PostgreSQL, byte by byte, when they come from a database.
    pub tables: Vec<Table>,
    /// What `joinable!` says.
    pub joins: Vec<Join>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name in PostgreSQL, without the schema.
    pub name: String,
    /// Its name in Rust.
    pub rust_name: String,
    /// What its documentation says, or its comment in the database.
    pub comment: Option<String>,
    /// The columns of the primary key, by their names in PostgreSQL.
    pub primary_key: Vec<String>,
    /// In order.
    pub columns: Vec<Column>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in PostgreSQL.
    pub name: String,
    /// Its name in Rust.
    pub rust_name: String,
    /// What its documentation says, or its comment in the database.
    pub comment: Option<String>,
    /// The type, without `Nullable`.
    pub sql_type: SqlType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// `#[max_length]`: in characters, or for `bit` in bits.
    pub max_length: Option<u64>,
}

/// A type of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlType {
    /// The schema; none where `schema.rs` does not say it, such as for `Citext`.
    pub schema: Option<String>,
    /// The name, as in `pg_type`: `int4`, not `integer`. For an array that of its elements' type.
    pub name: String,
    /// Whether it is an array of that type.
    pub is_array: bool,
}

/// A foreign key of one column to the primary key of another table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Join {
    /// The table that has the column, by its name in PostgreSQL.
    pub child: String,
    /// The table that it leads to.
    pub parent: String,
    /// The column.
    pub column: String,
}

impl Schema {
    /// The table with this name in PostgreSQL.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    /// The column with this name in PostgreSQL.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl SqlType {
    /// Whether both mean one type, as far as they say.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same_schema = match (&self.schema, &other.schema) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        same_schema && self.name == other.name && self.is_array == other.is_array
    }
}
