use syn_of_diesel::{Ident, ItemStruct, Lit};

use super::parse_error::Result;
use crate::SqlType;

/// Returns the type that a struct with `#[diesel(postgres_type(name = "…", schema = "…"))]` stands for.
pub(super) fn parse_custom_type(item: &ItemStruct) -> Result<Option<SqlType>> {
    let mut found = None;
    for attribute in item.attrs.iter().filter(|a| a.path().is_ident("diesel")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("postgres_type") {
                // Skips the arguments of attributes for other databases.
                let _: proc_macro2::TokenStream = meta.input.parse()?;
                return Ok(());
            }
            let mut schema = "public".to_owned();
            let mut name = None;
            meta.parse_nested_meta(|meta| {
                let argument = meta.path.get_ident().map(Ident::to_string);
                let value: Lit = meta.value()?.parse()?;
                match (argument.as_deref(), value) {
                    (Some("name"), Lit::Str(value)) => name = Some(value.value()),
                    (Some("schema"), Lit::Str(value)) => schema = value.value(),
                    _ => {}
                }
                Ok(())
            })?;
            found = name.map(|name| SqlType {
                schema: Some(schema),
                name,
                is_array: false,
            });
            Ok(())
        })?;
    }
    Ok(found)
}
