//! Diesel's types, and PostgreSQL's.

use heck::ToUpperCamelCase as _;

use syn_of_diesel::Ident;

use crate::SqlType;
use crate::names::{qualified, quoted};

/// The types of `diesel::sql_types` by all their names, each with the name in `pg_type` of what it stands for.
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

/// What the `diesel` command takes for a type of Diesel's although it is none of PostgreSQL's.
const OTHERS: [&str; 10] = [
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

/// The type for one of Diesel's, by its name in Rust.
pub(crate) fn of_diesel(rust_name: &str) -> Option<SqlType> {
    let (_, name) = DIESEL.iter().find(|(rust, _)| *rust == rust_name)?;
    Some(SqlType {
        // An extension's type, which lies wherever the extension was created.
        schema: (*name != "citext").then(|| "pg_catalog".to_owned()),
        name: (*name).to_owned(),
        is_array: false,
    })
}

/// `Range<T>` or `Multirange<T>` over one of Diesel's types.
pub(crate) fn range_of(element: &SqlType, suffix: &str) -> Option<SqlType> {
    let beginning = match element.name.as_str() {
        "int4" | "int8" | "date" => element.name.as_str(),
        "numeric" => "num",
        "timestamp" => "ts",
        "timestamptz" => "tstz",
        _ => return None,
    };
    Some(SqlType {
        name: format!("{beginning}{suffix}"),
        ..element.clone()
    })
}

/// The name in Rust that the `diesel` command gives a type.
pub(crate) fn rust_name(sql_name: &str) -> String {
    let name = sql_name.to_upper_camel_case();
    if syn_of_diesel::parse_str::<Ident>(&name).is_ok() {
        return name;
    }
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("T{letters}")
}

/// Whether `schema.rs` has to define a type: Diesel has none with its name in Rust.
pub(crate) fn is_custom(rust_name: &str) -> bool {
    !OTHERS.contains(&rust_name) && of_diesel(rust_name).is_none()
}

/// The type in SQL, as people write it.
pub(crate) fn in_sql(sql_type: &SqlType, max_length: Option<u64>) -> String {
    let name = match sql_type.schema.as_deref() {
        Some("pg_catalog") => usual_name(&sql_type.name, max_length),
        Some(schema) => qualified(schema, &sql_type.name),
        None => quoted(&sql_type.name),
    };
    let length = max_length.map(|length| format!("({length})"));
    let array = if sql_type.is_array { "[]" } else { "" };
    format!("{name}{}{array}", length.unwrap_or_default())
}

fn usual_name(name: &str, max_length: Option<u64>) -> String {
    let usual = match name {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        // Without a length, `char` and `bit` would have one of 1.
        "bpchar" if max_length.is_some() => "char",
        "varbit" => "bit varying",
        "char" => "\"char\"",
        "bit" if max_length.is_none() => "pg_catalog.\"bit\"",
        _ if name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') =>
        {
            name
        }
        _ => return qualified("pg_catalog", name),
    };
    usual.to_owned()
}

/// Whether `#[max_length]` means something for a type.
pub(crate) fn has_length(sql_type: &SqlType) -> bool {
    sql_type.schema.as_deref() == Some("pg_catalog")
        && !sql_type.is_array
        && matches!(
            sql_type.name.as_str(),
            "varchar" | "bpchar" | "bit" | "varbit"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_the_diesel_command_prints_is_read_as_the_same_type() {
        for (_, name) in DIESEL {
            let read = of_diesel(&rust_name(name)).unwrap();
            assert_eq!(read.name, name);
        }
    }

    #[test]
    fn no_type_s_name_in_rust_is_anything_but_a_name() {
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

    #[test]
    fn types_are_written_as_people_write_them() {
        let sql = |rust, length| in_sql(&of_diesel(rust).unwrap(), length);
        assert_eq!(sql("Int4", None), "integer");
        assert_eq!(sql("Varchar", Some(20)), "varchar(20)");
        assert_eq!(sql("Bpchar", Some(2)), "char(2)");
        assert_eq!(sql("Bpchar", None), "bpchar");
        assert_eq!(sql("Char", None), "\"char\"");
    }
}
