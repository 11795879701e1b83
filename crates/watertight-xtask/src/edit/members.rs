use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glob::{MatchOptions, Pattern};
use toml_edit::{Array, TableLike, Value};

/// Makes the package in `folder` (relative to the root, with `/`) a member of `[workspace]`.
///
/// Nothing changes where a member's pattern covers the folder already.
///
/// # Errors
///
/// When `exclude` leaves the folder out, or the lists are not lists of texts.
pub(crate) fn add(workspace: &mut dyn TableLike, folder: &str) -> Result<()> {
    for excluded in texts(workspace, "exclude")? {
        ensure!(
            !Path::new(folder).starts_with(&excluded),
            "`exclude` in `[workspace]` leaves out {excluded}; take it out of `exclude`, or set `plugins` in \
             `[workspace.metadata.watertight]` to another folder"
        );
    }
    for member in texts(workspace, "members")? {
        if covers(&member, folder)? {
            return Ok(());
        }
    }
    let members = workspace
        .entry("members")
        .or_insert(Array::new().into())
        .as_array_mut()
        .context("`members` in `[workspace]` is not a list")?;
    insert(members, folder);
    Ok(())
}

/// The texts of a list in `[workspace]`; none where there is no such list.
pub(crate) fn texts(workspace: &dyn TableLike, key: &str) -> Result<Vec<String>> {
    let Some(list) = workspace.get(key) else {
        return Ok(Vec::new());
    };
    let texts = list.as_array().and_then(|list| {
        list.iter()
            .map(|text| text.as_str().map(str::to_owned))
            .collect()
    });
    match texts {
        Some(texts) => Ok(texts),
        None => bail!("`{key}` in `[workspace]` is not a list of texts"),
    }
}

fn covers(member: &str, folder: &str) -> Result<bool> {
    let member = member.trim_start_matches("./").trim_end_matches('/');
    let pattern = Pattern::new(member)
        .with_context(|| format!("`members` in `[workspace]` has a wrong pattern {member:?}"))?;
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    Ok(pattern.matches_with(folder, options))
}

/// Inserts into a sorted list where it belongs, into another at the end, on a line of its own where the
/// others have one. Comments stay with the element that they stand at.
fn insert(list: &mut Array, text: &str) {
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    let position = if texts.is_sorted() {
        texts.partition_point(|other| *other < text)
    } else {
        texts.len()
    };
    let new_line = list.iter().find_map(|value| {
        let prefix = value.decor().prefix()?.as_str()?;
        Some(prefix[prefix.rfind('\n')?..].to_owned())
    });
    let mut value = Value::from(text);
    if position < list.len() {
        insert_before(list, position, value, new_line);
        return;
    }
    let trailing = list.trailing().as_str().unwrap_or_default().to_owned();
    let one_a_line = new_line.is_some();
    let indent = new_line.unwrap_or_else(|| if list.is_empty() { "" } else { " " }.to_owned());
    if list.trailing_comma() {
        // What stands behind the last comma is a comment at the last element, then the end of its line.
        let (comment, end) = trailing
            .rsplit_once('\n')
            .map_or(("", ""), |(comment, end)| (comment, end));
        value.decor_mut().set_prefix(format!("{comment}{indent}"));
        if one_a_line {
            list.set_trailing(format!("\n{end}"));
        }
    } else {
        let last = list
            .len()
            .checked_sub(1)
            .and_then(|last| list.get_mut(last));
        let suffix = last.map(|last| {
            let suffix = last.decor().suffix().and_then(|suffix| suffix.as_str());
            let suffix = suffix.unwrap_or_default().to_owned();
            last.decor_mut().set_suffix("");
            suffix
        });
        let suffix = suffix.unwrap_or_default();
        let (comment, end) = match suffix.rsplit_once('\n') {
            Some((comment, end)) => (comment, format!("\n{end}")),
            None => ("", suffix.clone()),
        };
        value.decor_mut().set_prefix(format!("{comment}{indent}"));
        value.decor_mut().set_suffix(end);
    }
    list.push_formatted(value);
}

fn insert_before(list: &mut Array, position: usize, mut value: Value, new_line: Option<String>) {
    let next = list
        .get_mut(position)
        .expect("the position is inside the list");
    let prefix = next.decor().prefix().and_then(|prefix| prefix.as_str());
    let prefix = prefix.unwrap_or_default().to_owned();
    match (new_line, prefix.find('\n')) {
        (Some(new_line), Some(end_of_line)) => {
            // A comment up to the end of the line before belongs to the element before.
            value
                .decor_mut()
                .set_prefix(format!("{}{new_line}", &prefix[..end_of_line]));
            next.decor_mut().set_prefix(&prefix[end_of_line..]);
        }
        _ => {
            value.decor_mut().set_prefix(prefix);
            next.decor_mut().set_prefix(" ");
        }
    }
    list.insert_formatted(position, value);
}

#[cfg(test)]
mod tests {
    use toml_edit::DocumentMut;

    use super::*;

    fn added(manifest: &str, folder: &str) -> String {
        let mut document: DocumentMut = manifest.parse().unwrap();
        add(document["workspace"].as_table_like_mut().unwrap(), folder).unwrap();
        document.to_string()
    }

    #[test]
    fn a_folder_that_a_pattern_covers_is_not_added() {
        for members in [
            "plugins/*",
            "./plugins/*/",
            "plugins/orders",
            "*/*",
            "**/orders",
            "plugins/o?ders",
        ] {
            let manifest = format!("[workspace]\nmembers = [\"{members}\"]\n");
            assert_eq!(added(&manifest, "plugins/orders"), manifest);
        }
    }

    #[test]
    fn a_pattern_for_one_level_does_not_cover_two() {
        let manifest = "[workspace]\nmembers = [\"examples/*\"]\n";
        assert_eq!(
            added(manifest, "examples/plugins/orders"),
            "[workspace]\nmembers = [\"examples/*\", \"examples/plugins/orders\"]\n"
        );
    }

    #[test]
    fn a_member_is_inserted_where_it_sorts_with_comments_kept() {
        let cases = [
            ("[]", "[\"m\"]"),
            ("[\"z\"]", "[\"m\", \"z\"]"),
            ("[\"a\"]", "[\"a\", \"m\"]"),
            ("[ \"a\" ]", "[ \"a\", \"m\" ]"),
            ("[\"z\", \"a\"]", "[\"z\", \"a\", \"m\"]"),
            ("[\"a\", \"z\",]", "[\"a\", \"m\", \"z\",]"),
            (
                "[\n  \"a\",\n  \"z\",\n]",
                "[\n  \"a\",\n  \"m\",\n  \"z\",\n]",
            ),
            ("[\n  \"a\",\n]", "[\n  \"a\",\n  \"m\",\n]"),
            ("[\n  \"a\"\n]", "[\n  \"a\",\n  \"m\"\n]"),
            ("[\n  \"a\", # A\n]", "[\n  \"a\", # A\n  \"m\",\n]"),
            (
                "[\n  \"a\", # A\n  # Z\n  \"z\", # z\n]",
                "[\n  \"a\", # A\n  \"m\",\n  # Z\n  \"z\", # z\n]",
            ),
            (
                "[\n  # B\n  \"b\", # b\n  # A\n  \"a\", # a\n]",
                "[\n  # B\n  \"b\", # b\n  # A\n  \"a\", # a\n  \"m\",\n]",
            ),
        ];
        for (before, after) in cases {
            let before = format!("[workspace] # keep\nmembers = {before}\n# end\n");
            let after = format!("[workspace] # keep\nmembers = {after}\n# end\n");
            assert_eq!(added(&before, "m"), after);
        }
    }

    #[test]
    fn an_excluded_folder_is_an_error() {
        let mut document: DocumentMut = "[workspace]\nexclude = [\"plugins\"]".parse().unwrap();
        let workspace = document["workspace"].as_table_like_mut().unwrap();
        insta::assert_snapshot!(
            add(workspace, "plugins/orders").unwrap_err(),
            @"`exclude` in `[workspace]` leaves out plugins; take it out of `exclude`, or set `plugins` in `[workspace.metadata.watertight]` to another folder"
        );
    }
}
