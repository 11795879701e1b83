//! Parses `schema.rs` into a [`Schema`].

mod column_type;
mod custom_type;
mod items;
mod joinable;
mod parse_error;
mod table;

use diesel_table_macro_syntax::TableDecl;
use syn_of_diesel::File;

pub use parse_error::ParseError;

use crate::Schema;
use items::Items;
use joinable::parse_joinable;
use parse_error::{Result, SpannedError};
use table::parse_table;

impl Schema {
    /// Parses a `schema.rs` whose tables are all in the PostgreSQL schema `name`. Errors name the file as `file`.
    ///
    /// # Errors
    ///
    /// Fails if the source is not valid Rust, a macro's arguments are invalid, a table is in another schema, or a type
    /// is not known.
    pub fn from_rust(
        source: &str,
        name: &str,
        file: &str,
    ) -> std::result::Result<Self, ParseError> {
        let parsed = syn_of_diesel::parse_file(source).map_err(SpannedError::from);
        parsed
            .and_then(|parsed| parse(&parsed, name))
            .map_err(|error| error.locate(file, source))
    }
}

fn parse(file: &File, schema_name: &str) -> Result<Schema> {
    let items = Items::collect(&file.items)?;
    let mut schema = Schema {
        name: schema_name.to_owned(),
        ..Schema::default()
    };
    for tokens in items.tables {
        let declaration: TableDecl = syn_of_diesel::parse2(tokens)?;
        let table = parse_table(&declaration, schema_name, &items.custom_types)?;
        if schema.table(&table.name).is_some() {
            return Err(SpannedError::new(
                declaration.table_name.span(),
                format!("table `{}` is declared twice", table.name),
            )
            .with_hint("remove one of the declarations"));
        }
        schema.tables.push(table);
    }
    for tokens in items.joins {
        schema.joins.extend(parse_joinable(tokens, &schema)?);
    }
    schema.joins.sort();
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use watertight_diagnostics::ErrorReport;

    use super::*;

    #[track_caller]
    fn error(source: &str) -> String {
        let error = Schema::from_rust(source, "plugin_shop", "src/schema.rs").unwrap_err();
        ErrorReport::new(&error).to_string()
    }

    #[test]
    fn syntax_errors_are_located() {
        insta::assert_snapshot!(error("diesel::table! {\n    plugin_shop.items {\n        id => Uuid,\n    }\n}\n"), @"
        error: failed to parse src/schema.rs: expected `->`
         --> src/schema.rs:3:12
          |
        3 |         id => Uuid,
          |            ^
        ");
        insta::assert_snapshot!(error("fn broken("), @"
        error: failed to parse src/schema.rs: cannot parse string into token stream
         --> src/schema.rs:1:10
          |
        1 | fn broken(
          |          ^
        ");
    }

    #[test]
    fn a_table_of_another_schema_is_an_error() {
        insta::assert_snapshot!(error("table! {\n    items {\n        id -> Uuid,\n    }\n}\n"), @"
        error: failed to parse src/schema.rs: table `items` is in the schema `public`, but this plugin owns `plugin_shop`
         --> src/schema.rs:2:5
          |
        2 |     items {
          |     ^^^^^
        hint: write `plugin_shop.items`
        ");
        insta::assert_snapshot!(error("table! { plugin_auth.items { id -> Uuid, } }"), @"
        error: failed to parse src/schema.rs: table `items` is in the schema `plugin_auth`, but this plugin owns `plugin_shop`
         --> src/schema.rs:1:22
          |
        1 | table! { plugin_auth.items { id -> Uuid, } }
          |                      ^^^^^
        hint: write `plugin_shop.items`
        ");
    }

    #[test]
    fn declarations_that_do_not_fit_together_are_errors() {
        insta::assert_snapshot!(error("table! { plugin_shop.items { id -> Uuidd, } }"), @r#"
        error: failed to parse src/schema.rs: `Uuidd` is neither one of Diesel's PostgreSQL types nor defined in this file
         --> src/schema.rs:1:36
          |
        1 | table! { plugin_shop.items { id -> Uuidd, } }
          |                                    ^^^^^
        hint: for a type of the plugin, add `#[diesel(postgres_type(name = "…", schema = "…"))] pub struct Uuidd;` to the module `sql_types`
        "#);
        insta::assert_snapshot!(error("table! { plugin_shop.items { name -> Text, } }"), @"
        error: failed to parse src/schema.rs: the primary key column `id` is not in the table
         --> src/schema.rs:1:22
          |
        1 | table! { plugin_shop.items { name -> Text, } }
          |                      ^^^^^
        hint: name the primary key in parentheses after the table's name
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.items (key) { id -> Uuid, } }"), @"
        error: failed to parse src/schema.rs: the primary key column `key` is not in the table
         --> src/schema.rs:1:29
          |
        1 | table! { plugin_shop.items (key) { id -> Uuid, } }
          |                             ^^^
        hint: add the column
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.items { id -> Nullable<Uuid>, } }"), @"
        error: failed to parse src/schema.rs: `id` is in the primary key, so it cannot be `Nullable`
         --> src/schema.rs:1:22
          |
        1 | table! { plugin_shop.items { id -> Nullable<Uuid>, } }
          |                      ^^^^^
        hint: remove `Nullable`
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.items { #[max_length = 9] id -> Uuid, } }"), @"
        error: failed to parse src/schema.rs: `#[max_length]` is only for `Varchar`, `Bpchar` and `Bit`
         --> src/schema.rs:1:54
          |
        1 | table! { plugin_shop.items { #[max_length = 9] id -> Uuid, } }
          |                                                      ^^^^
        hint: remove the attribute, or use one of these types
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.items { id -> Uuid, id -> Text, } }"), @"
        error: failed to parse src/schema.rs: column `id` is declared twice
         --> src/schema.rs:1:42
          |
        1 | table! { plugin_shop.items { id -> Uuid, id -> Text, } }
          |                                          ^^
        hint: remove one of the declarations
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.a { id -> Uuid, } }\ntable! { plugin_shop.a { id -> Text, } }"), @"
        error: failed to parse src/schema.rs: table `a` is declared twice
         --> src/schema.rs:2:22
          |
        2 | table! { plugin_shop.a { id -> Text, } }
          |                      ^
        hint: remove one of the declarations
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.items { id -> Uuid, } }\njoinable!(items -> users (user_id));"), @"
        error: failed to parse src/schema.rs: this file has no table `users`
         --> src/schema.rs:2:20
          |
        2 | joinable!(items -> users (user_id));
          |                    ^^^^^
        hint: remove the `joinable!`
        ");
        insta::assert_snapshot!(error("table! { plugin_shop.items { id -> Uuid, } }\njoinable!(items -> items (user_id));"), @"
        error: failed to parse src/schema.rs: `items` has no column `user_id`
         --> src/schema.rs:2:27
          |
        2 | joinable!(items -> items (user_id));
          |                           ^^^^^^^
        hint: remove the `joinable!`
        ");
    }
}
