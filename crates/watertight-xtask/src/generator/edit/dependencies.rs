use anyhow::{Context, Result};
use toml_edit::{InlineTable, Item, Table, Value};

/// `workspace = true`, to be written as `name.workspace = true`.
pub(crate) fn inherited() -> Item {
    let mut table = InlineTable::new();
    table.insert("workspace", true.into());
    table.set_dotted(true);
    Item::Value(Value::InlineTable(table))
}

/// `{ path = "…" }`.
pub(crate) fn path(path: &str) -> Item {
    let mut table = InlineTable::new();
    table.insert("path", path.into());
    Item::Value(Value::InlineTable(table))
}

/// Adds a dependency where a reader looks for it, and leaves the order of the others alone.
///
/// That is before the first of its neighbours which sorts after it, and behind them all if there is none.
/// Its neighbours are the entries with the same prefix (`plugin-`), or, where there are none and all
/// entries are in order, all of them. Else it comes last.
///
/// # Errors
///
/// When `table` is not a table.
pub(crate) fn insert(table: &mut Item, name: &str, value: Item) -> Result<()> {
    let entries = table.as_table_like_mut().context("it is not a table")?;
    let names: Vec<String> = entries.iter().map(|(name, _)| name.to_owned()).collect();
    entries.insert(name, value);
    if let Some(table) = table.as_table_mut() {
        order(table, &place(&names, name));
    } else if let Some(table) = table.as_inline_table_mut() {
        table.fmt();
    }
    Ok(())
}

fn place(names: &[String], new: &str) -> Vec<String> {
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
    let mut placed = names.to_vec();
    placed.insert(position, new.to_owned());
    placed
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
    fn an_entry_comes_where_it_sorts_with_comments_kept() {
        assert_eq!(
            inserted("a = \"1\" # A\n# Z\nz.workspace = true\n", "plugin-a"),
            "a = \"1\" # A\nplugin-a.workspace = true\n# Z\nz.workspace = true\n"
        );
    }

    #[test]
    fn among_entries_without_order_it_comes_to_those_with_its_prefix() {
        assert_eq!(
            inserted(
                "z = \"1\"\nplugin-a = \"1\"\nplugin-c = \"1\"\n\nb = \"1\"\n",
                "plugin-b"
            ),
            "z = \"1\"\nplugin-a = \"1\"\nplugin-b.workspace = true\nplugin-c = \"1\"\n\nb = \"1\"\n"
        );
    }

    #[test]
    fn among_entries_without_order_or_prefix_it_comes_last() {
        assert_eq!(
            inserted("z = \"1\"\na = \"1\"\n", "plugin-b"),
            "z = \"1\"\na = \"1\"\nplugin-b.workspace = true\n"
        );
        assert_eq!(inserted("", "plugin-b"), "plugin-b.workspace = true\n");
    }

    #[test]
    fn an_inline_table_takes_it_at_its_end() {
        let mut document: DocumentMut = "dependencies = { z = \"1\" }\n".parse().unwrap();
        insert(&mut document["dependencies"], "a", path("a")).unwrap();
        assert_eq!(
            document.to_string(),
            "dependencies = { z = \"1\", a = { path = \"a\" } }\n"
        );
    }
}
