use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use syn_of_diesel::{Item, Path};

use super::custom_type::parse_custom_type;
use super::parse_error::Result;
use crate::SqlType;

/// The declarations in a file and all its inline modules.
#[derive(Default)]
pub(super) struct Items {
    /// The arguments of each `table!`.
    pub(super) tables: Vec<TokenStream>,
    /// The arguments of each `joinable!`.
    pub(super) joins: Vec<TokenStream>,
    /// The types that the file defines, by their Rust names.
    pub(super) custom_types: BTreeMap<String, SqlType>,
}

impl Items {
    pub(super) fn collect(items: &[Item]) -> Result<Self> {
        let mut collected = Self::default();
        collected.add(items)?;
        Ok(collected)
    }

    fn add(&mut self, items: &[Item]) -> Result<()> {
        for item in items {
            match item {
                Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        self.add(items)?;
                    }
                }
                Item::Macro(item) if is_named(&item.mac.path, "table") => {
                    self.tables.push(item.mac.tokens.clone());
                }
                Item::Macro(item) if is_named(&item.mac.path, "joinable") => {
                    self.joins.push(item.mac.tokens.clone());
                }
                Item::Struct(item) => {
                    if let Some(sql_type) = parse_custom_type(item)? {
                        self.custom_types.insert(item.ident.to_string(), sql_type);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_named(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}
