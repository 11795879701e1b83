//! The types of Diesel and the PostgreSQL types that they stand for.

use heck::ToUpperCamelCase as _;
use syn_of_diesel::Ident;

use crate::SqlType;

/// The types of `diesel::sql_types` by all their names, each with its PostgreSQL type's name in `pg_type`.
const DIESEL: [(&str, &str); 57] = [
    ("Bool", "bool"),
    ("SmallInt", "int2"),
    ("Int2", "int2"),
    ("Smallint", "int2"),
    ("SmallSerial", "int2"),
    ("Integer", "int4"),
    ("Int4", "int4"),
    ("Serial", "int4"),
    ("BigInt", "int8"),
    ("Int8", "int8"),
    ("Bigint", "int8"),
    ("BigSerial", "int8"),
    ("Float", "float4"),
    ("Float4", "float4"),
    ("Double", "float8"),
    ("Float8", "float8"),
    ("Numeric", "numeric"),
    ("Decimal", "numeric"),
    ("Text", "text"),
    ("VarChar", "varchar"),
    ("Varchar", "varchar"),
    ("Bpchar", "bpchar"),
    ("Char", "char"),
    ("CChar", "char"),
    ("Binary", "bytea"),
    ("Bytea", "bytea"),
    ("Bit", "bit"),
    ("Date", "date"),
    ("Time", "time"),
    ("Timestamp", "timestamp"),
    ("Timestamptz", "timestamptz"),
    ("Interval", "interval"),
    ("Uuid", "uuid"),
    ("Json", "json"),
    ("Jsonb", "jsonb"),
    ("Oid", "oid"),
    ("Money", "money"),
    ("Inet", "inet"),
    ("Cidr", "cidr"),
    ("MacAddr", "macaddr"),
    ("Macaddr", "macaddr"),
    ("MacAddr8", "macaddr8"),
    ("Macaddr8", "macaddr8"),
    ("PgLsn", "pg_lsn"),
    ("Citext", "citext"),
    ("Int4range", "int4range"),
    ("Int8range", "int8range"),
    ("Numrange", "numrange"),
    ("Daterange", "daterange"),
    ("Tsrange", "tsrange"),
    ("Tstzrange", "tstzrange"),
    ("Int4multirange", "int4multirange"),
    ("Int8multirange", "int8multirange"),
    ("Nummultirange", "nummultirange"),
    ("Datemultirange", "datemultirange"),
    ("Tsmultirange", "tsmultirange"),
    ("Tstzmultirange", "tstzmultirange"),
];

/// The names that the `diesel` command takes for Diesel's types although PostgreSQL has no such type.
const OF_OTHER_DATABASES: [&str; 10] = [
    "Blob",
    "Longblob",
    "Longtext",
    "Mediumblob",
    "Mediumtext",
    "Range",
    "Record",
    "Tinyblob",
    "Tinytext",
    "Varbinary",
];

/// Returns the PostgreSQL type of a type of `diesel::sql_types`.
pub(crate) fn find(rust_name: &str) -> Option<SqlType> {
    let (_, name) = DIESEL.iter().find(|(rust, _)| *rust == rust_name)?;
    Some(SqlType {
        // `citext` is in the schema in which its extension was created.
        schema: (*name != "citext").then(|| "pg_catalog".to_owned()),
        name: (*name).to_owned(),
        is_array: false,
    })
}

/// Returns the PostgreSQL type of `Range<T>` or `Multirange<T>`.
pub(crate) fn range_of(element: &SqlType, suffix: &str) -> Option<SqlType> {
    let prefix = match element.name.as_str() {
        "int4" | "int8" | "date" => element.name.as_str(),
        "numeric" => "num",
        "timestamp" => "ts",
        "timestamptz" => "tstz",
        _ => return None,
    };
    Some(SqlType {
        name: format!("{prefix}{suffix}"),
        ..element.clone()
    })
}

/// Returns the Rust name that the `diesel` command gives a PostgreSQL type.
pub(crate) fn rust_name(sql_name: &str) -> String {
    let name = sql_name.to_upper_camel_case();
    if syn_of_diesel::parse_str::<Ident>(&name).is_ok() {
        return name;
    }
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("T{letters}")
}

/// Whether `schema.rs` has to define a type because Diesel has none with this Rust name.
pub(crate) fn is_custom(rust_name: &str) -> bool {
    !OF_OTHER_DATABASES.contains(&rust_name) && find(rust_name).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_names_that_diesel_prints_are_known() {
        for (_, name) in DIESEL {
            assert_eq!(find(&rust_name(name)).unwrap().name, name);
        }
    }

    #[test]
    fn rust_names_of_types_are_identifiers() {
        for (sql, rust) in [
            ("product_state", "ProductState"),
            ("my type; x", "MyTypeX"),
            ("1st", "T1st"),
            ("self", "TSelf"),
            ("ä", "Ä"),
            ("€", "T"),
        ] {
            assert_eq!(rust_name(sql), rust);
        }
    }
}
