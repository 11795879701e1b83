use postgres_protocol::escape::escape_identifier;

use super::qualified_name::qualified_name;
use crate::SqlType;

/// Returns a type as people write it in SQL: `varchar(20)`, `integer[]`.
pub(crate) fn type_sql(sql_type: &SqlType, max_length: Option<u64>) -> String {
    let name = match sql_type.schema.as_deref() {
        Some("pg_catalog") => builtin_type_sql(&sql_type.name, max_length),
        Some(schema) => qualified_name(schema, &sql_type.name),
        None => escape_identifier(&sql_type.name),
    };
    let length = max_length.map(|length| format!("({length})"));
    let array = if sql_type.is_array { "[]" } else { "" };
    format!("{name}{}{array}", length.unwrap_or_default())
}

fn builtin_type_sql(name: &str, max_length: Option<u64>) -> String {
    let is_plain = |name: &str| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let sql = match name {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        // `char` and `bit` without a length mean a length of 1.
        "bpchar" if max_length.is_some() => "char",
        "bit" if max_length.is_none() => "pg_catalog.\"bit\"",
        "varbit" => "bit varying",
        "char" => "\"char\"",
        _ if is_plain(name) => name,
        _ => return qualified_name("pg_catalog", name),
    };
    sql.to_owned()
}

/// Whether a type can have a `#[max_length]`.
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
    use crate::diesel_type;

    #[test]
    fn types_are_written_by_their_usual_names() {
        let sql = |rust, length| type_sql(&diesel_type::find(rust).unwrap(), length);
        assert_eq!(sql("Int4", None), "integer");
        assert_eq!(sql("Varchar", Some(20)), "varchar(20)");
        assert_eq!(sql("Bpchar", Some(2)), "char(2)");
        assert_eq!(sql("Bpchar", None), "bpchar");
        assert_eq!(sql("Char", None), "\"char\"");
    }
}
