/// The tables of one PostgreSQL schema, as a `schema.rs` declares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The schema's name in PostgreSQL.
    pub name: String,
    /// The tables. Read from a database, they are in the byte order of their names in PostgreSQL.
    pub tables: Vec<Table>,
    /// The `joinable!` declarations, in order.
    pub joins: Vec<Join>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name in PostgreSQL, without the schema.
    pub name: String,
    /// The name in Rust.
    pub rust_name: String,
    /// The doc comment in `schema.rs`, or the comment in the database.
    pub comment: Option<String>,
    /// The names of the primary key's columns in PostgreSQL.
    pub primary_key: Vec<String>,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name in PostgreSQL.
    pub name: String,
    /// The name in Rust.
    pub rust_name: String,
    /// The doc comment in `schema.rs`, or the comment in the database.
    pub comment: Option<String>,
    /// The type, without `Nullable`.
    pub sql_type: SqlType,
    /// Whether the column can be NULL.
    pub nullable: bool,
    /// `#[max_length]`: in characters, or in bits for `bit`.
    pub max_length: Option<u64>,
}

/// A PostgreSQL type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlType {
    /// The schema, or `None` where `schema.rs` does not name it, as for `Citext`.
    pub schema: Option<String>,
    /// The name in `pg_type`: `int4`, not `integer`. Of an array, the name of the element type.
    pub name: String,
    /// Whether it is an array of the named type.
    pub is_array: bool,
}

/// A foreign key of one column to the primary key of another table: `joinable!`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Join {
    /// The PostgreSQL name of the referencing table.
    pub child: String,
    /// The PostgreSQL name of the referenced table.
    pub parent: String,
    /// The PostgreSQL name of the referencing column.
    pub column: String,
}

impl Schema {
    /// Returns the table with this name in PostgreSQL.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    /// Returns the column with this name in PostgreSQL.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl SqlType {
    /// Whether both are the same type. A type without a schema matches one of any schema.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let same_schema = match (&self.schema, &other.schema) {
            (Some(schema), Some(other)) => schema == other,
            _ => true,
        };
        same_schema && self.name == other.name && self.is_array == other.is_array
    }
}
