use anyhow::{Context, Result};
use toml_edit::{InlineTable, Item, Table, Value};

/// Returns a dependency that is written as `name.workspace = true`.
pub(super) fn inherited() -> Item {
    let mut table = InlineTable::new();
    table.insert("workspace", true.into());
    table.set_dotted(true);
    Item::Value(Value::InlineTable(table))
}

/// Returns a dependency that is written as `name = { path = "…" }`.
pub(super) fn path(path: &str) -> Item {
    let mut table = InlineTable::new();
    table.insert("path", path.into());
    Item::Value(Value::InlineTable(table))
}

/// Adds a dependency in alphabetical order, and keeps the order of the others.
///
/// In a table that is not sorted it is put in order among the entries with the same prefix (`plugin-`), or last if there
/// are none.
///
/// # Errors
///
/// When `table` is not a table.
pub(super) fn insert(table: &mut Item, name: &str, value: Item) -> Result<()> {
    let entries = table.as_table_like_mut().context("it is not a table")?;
    let names: Vec<String> = entries.iter().map(|(name, _)| name.to_owned()).collect();
    entries.insert(name, value);
    if let Some(table) = table.as_table_mut() {
        order(table, &in_order(&names, name));
    } else if let Some(table) = table.as_inline_table_mut() {
        table.fmt();
    }
    Ok(())
}

fn in_order(names: &[String], new: &str) -> Vec<String> {
    let prefix = new.split_inclusive('-').next().unwrap_or(new);
    let neighbours: Vec<usize> = if names.is_sorted() {
        (0..names.len()).collect()
    } else {
        (0..names.len())
            .filter(|i| names[*i].starts_with(prefix))
            .collect()
    };
    let after = neighbours
        .iter()
        .find(|i| names[**i].as_str() > new)
        .copied();
    let position = after
        .or_else(|| neighbours.last().map(|last| last + 1))
        .unwrap_or(names.len());
    let mut ordered = names.to_vec();
    ordered.insert(position, new.to_owned());
    ordered
}

fn order(table: &mut Table, names: &[String]) {
    let rank = |key: &str| names.iter().position(|name| name == key);
    table.sort_values_by(|a, _, b, _| rank(a.get()).cmp(&rank(b.get())));
}

#[cfg(test)]
mod tests {
    use toml_edit::DocumentMut;

    use super::*;

    fn inserted(dependencies: &str, name: &str) -> String {
        let mut document: DocumentMut = format!("[dependencies]\n{dependencies}").parse().unwrap();
        insert(&mut document["dependencies"], name, inherited()).unwrap();
        document.to_string().replacen("[dependencies]\n", "", 1)
    }

    #[test]
    fn an_entry_is_inserted_in_order_and_comments_are_kept() {
        assert_eq!(
            inserted("a = \"1\" # A\n# Z\nz.workspace = true\n", "plugin-a"),
            "a = \"1\" # A\nplugin-a.workspace = true\n# Z\nz.workspace = true\n"
        );
    }

    #[test]
    fn in_an_unsorted_table_an_entry_joins_those_with_its_prefix() {
        assert_eq!(
            inserted(
                "z = \"1\"\nplugin-a = \"1\"\nplugin-c = \"1\"\n\nb = \"1\"\n",
                "plugin-b"
            ),
            "z = \"1\"\nplugin-a = \"1\"\nplugin-b.workspace = true\nplugin-c = \"1\"\n\nb = \"1\"\n"
        );
    }

    #[test]
    fn in_an_unsorted_table_without_its_prefix_an_entry_comes_last() {
        assert_eq!(
            inserted("z = \"1\"\na = \"1\"\n", "plugin-b"),
            "z = \"1\"\na = \"1\"\nplugin-b.workspace = true\n"
        );
        assert_eq!(inserted("", "plugin-b"), "plugin-b.workspace = true\n");
    }

    #[test]
    fn in_an_inline_table_an_entry_comes_last() {
        let mut document: DocumentMut = "dependencies = { z = \"1\" }\n".parse().unwrap();
        insert(&mut document["dependencies"], "a", path("a")).unwrap();
        assert_eq!(
            document.to_string(),
            "dependencies = { z = \"1\", a = { path = \"a\" } }\n"
        );
    }
}
