use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glob::{MatchOptions, Pattern};
use toml_edit::{Array, RawString, TableLike, Value};

use crate::output::hint::hinted;

/// Makes the package in `folder` (relative to the root, with `/`) a member of `[workspace]`, unless a pattern matches it
/// already.
///
/// # Errors
///
/// When `exclude` contains the folder, or the lists are not lists of strings.
pub(super) fn add(workspace: &mut dyn TableLike, folder: &str) -> Result<()> {
    for excluded in strings(workspace, "exclude")? {
        ensure!(
            !Path::new(folder).starts_with(&excluded),
            hinted(
                format!("`exclude` in `[workspace]` contains `{excluded}`"),
                "remove it there, or set `plugins` in `[workspace.metadata.watertight]` to another folder"
            )
        );
    }
    for member in strings(workspace, "members")? {
        if matches(&member, folder)? {
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

/// Returns the strings of a list in `[workspace]`; none if there is no such list.
pub(super) fn strings(workspace: &dyn TableLike, key: &str) -> Result<Vec<String>> {
    let Some(list) = workspace.get(key) else {
        return Ok(Vec::new());
    };
    let strings = list.as_array().and_then(|list| {
        list.iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect()
    });
    match strings {
        Some(strings) => Ok(strings),
        None => bail!("`{key}` in `[workspace]` is not a list of strings"),
    }
}

fn matches(member: &str, folder: &str) -> Result<bool> {
    let member = member.trim_start_matches("./").trim_end_matches('/');
    let pattern = Pattern::new(member)
        .with_context(|| format!("`members` in `[workspace]` has an invalid pattern {member:?}"))?;
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    Ok(pattern.matches_with(folder, options))
}

/// Inserts into a sorted list at its position, into another at the end, on a line of its own if the others have one.
/// Comments stay with their members.
fn insert(members: &mut Array, folder: &str) {
    let folders: Vec<&str> = members.iter().filter_map(Value::as_str).collect();
    let position = if folders.is_sorted() {
        folders.partition_point(|other| *other < folder)
    } else {
        folders.len()
    };
    let line_start = members.iter().find_map(|member| {
        let prefix = member.decor().prefix()?.as_str()?;
        Some(prefix[prefix.rfind('\n')?..].to_owned())
    });

    // The gap between the member before and what follows is split: a comment up to the end of its line belongs to the
    // member before.
    let gap = take_gap(members, position);
    let (before, after) = match (line_start, gap.find('\n')) {
        (Some(line_start), Some(end)) => (gap[..end].to_owned() + &line_start, &gap[end..]),
        _ if position < members.len() => (gap.clone(), " "),
        _ if members.is_empty() => (String::new(), gap.as_str()),
        _ => (" ".to_owned(), gap.as_str()),
    };
    let mut member = Value::from(folder);
    member.decor_mut().set_prefix(before);
    members.insert_formatted(position, member);
    put_gap(members, position + 1, after);
}

/// Removes and returns the text before the member at `position` or, after the last one, before the bracket.
fn take_gap(members: &mut Array, position: usize) -> String {
    let to_string = |raw: Option<&RawString>| {
        raw.and_then(RawString::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if let Some(member) = members.get(position) {
        return to_string(member.decor().prefix());
    }
    if !members.trailing_comma()
        && let Some(last) = position
            .checked_sub(1)
            .and_then(|last| members.get_mut(last))
    {
        let gap = to_string(last.decor().suffix());
        last.decor_mut().set_suffix("");
        return gap;
    }
    to_string(Some(members.trailing()))
}

fn put_gap(members: &mut Array, position: usize, gap: &str) {
    if let Some(member) = members.get_mut(position) {
        member.decor_mut().set_prefix(gap);
    } else if !members.trailing_comma()
        && let Some(last) = members.get_mut(position - 1)
    {
        last.decor_mut().set_suffix(gap);
    } else {
        members.set_trailing(gap);
    }
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
    fn a_folder_that_a_pattern_matches_is_not_added() {
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
    fn a_pattern_for_one_level_does_not_match_two() {
        let manifest = "[workspace]\nmembers = [\"examples/*\"]\n";
        assert_eq!(
            added(manifest, "examples/plugins/orders"),
            "[workspace]\nmembers = [\"examples/*\", \"examples/plugins/orders\"]\n"
        );
    }

    #[test]
    fn a_member_is_inserted_in_order_and_comments_are_kept() {
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
            ("[\n  \"a\" # A\n]", "[\n  \"a\", # A\n  \"m\"\n]"),
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
            @"`exclude` in `[workspace]` contains `plugins`"
        );
    }
}
