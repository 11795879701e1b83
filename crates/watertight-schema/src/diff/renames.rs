//! Finds renamed tables and columns. A rename looks like a drop and a create, so the user has to decide.

use std::fmt;

use super::rename_answer_error::RenameAnswerError;
use super::rename_answers::RenameAnswers;
use crate::{Schema, Table};

/// A table or column that is no longer in `schema.rs`, and the new ones that it could have been renamed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameQuestion {
    /// The name of the table, or `table.column`.
    pub removed: String,
    /// The names of the new tables or columns.
    pub candidates: Vec<String>,
}

impl fmt::Display for RenameQuestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates: Vec<_> = self
            .candidates
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let are = if candidates.len() == 1 { "is" } else { "are" };
        write!(
            formatter,
            "`{}` is no longer in schema.rs and {} {are} new, so it may have been renamed",
            self.removed,
            candidates.join(", ")
        )
    }
}

/// The names of all tables, or of a table's columns, before and after.
struct Names<'a> {
    /// Empty for tables, `table.` for columns.
    prefix: String,
    before: Vec<&'a str>,
    after: Vec<&'a str>,
}

impl Names<'_> {
    fn removed_names(&self) -> Vec<String> {
        let removed = self.before.iter().filter(|name| !self.after.contains(name));
        removed
            .map(|name| format!("{}{name}", self.prefix))
            .collect()
    }

    fn new_names(&self) -> Vec<String> {
        let new = self.after.iter().filter(|name| !self.before.contains(name));
        new.map(|name| (*name).to_owned()).collect()
    }

    /// Returns the pairs of old and new names without the prefix.
    fn renamed(&self, answers: &RenameAnswers) -> Result<Vec<(String, String)>, RenameAnswerError> {
        let (removed, mut new) = (self.removed_names(), self.new_names());
        let mut renamed = Vec::new();
        for (from, to) in answers
            .renamed
            .iter()
            .filter(|(from, _)| removed.contains(from))
        {
            let Some(index) = new.iter().position(|name| name == to) else {
                return Err(RenameAnswerError::NotNew {
                    from: from.clone(),
                    to: to.clone(),
                    new,
                });
            };
            new.remove(index);
            renamed.push((from[self.prefix.len()..].to_owned(), to.clone()));
        }
        Ok(renamed)
    }

    fn questions(&self, answers: &RenameAnswers) -> Vec<RenameQuestion> {
        let is_open = |name: &String| {
            !answers.dropped.contains(name) && !answers.renamed.iter().any(|(from, _)| from == name)
        };
        let mut candidates = self.new_names();
        candidates.retain(|new| {
            let is_taken =
                |(from, to): &(String, String)| to == new && self.removed_names().contains(from);
            !answers.renamed.iter().any(is_taken)
        });
        if candidates.is_empty() {
            return Vec::new();
        }
        let open = self.removed_names().into_iter().filter(is_open);
        open.map(|removed| RenameQuestion {
            removed,
            candidates: candidates.clone(),
        })
        .collect()
    }
}

fn table_names<'a>(before: &'a Schema, after: &'a Schema) -> Names<'a> {
    Names {
        prefix: String::new(),
        before: before
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect(),
        after: after
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect(),
    }
}

fn column_names<'a>(before: &'a Table, after: &'a Table) -> Names<'a> {
    Names {
        prefix: format!("{}.", after.name),
        before: before
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect(),
        after: after
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect(),
    }
}

/// The renamed tables and columns.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// Old and new names.
    pub(super) tables: Vec<(String, String)>,
    /// The table's new name, and the column's old and new names.
    pub(super) columns: Vec<(String, String, String)>,
}

/// Returns the renames that the answers state.
///
/// # Errors
///
/// Fails if an answer names something that is not removed or not new.
pub(super) fn renames(
    before: &Schema,
    after: &Schema,
    answers: &RenameAnswers,
) -> Result<Renames, RenameAnswerError> {
    let tables = table_names(before, after);
    let mut removed = tables.removed_names();
    let mut renames = Renames {
        tables: tables.renamed(answers)?,
        columns: Vec::new(),
    };
    for (old, new) in pairs(before, after, &renames.tables) {
        let columns = column_names(old, new);
        removed.extend(columns.removed_names());
        let columns = columns.renamed(answers)?.into_iter();
        renames
            .columns
            .extend(columns.map(|(from, to)| (new.name.clone(), from, to)));
    }
    let mut named = answers
        .renamed
        .iter()
        .map(|(from, _)| from)
        .chain(&answers.dropped);
    match named.find(|name| !removed.contains(name)) {
        Some(name) => Err(RenameAnswerError::NotRemoved {
            name: name.clone(),
            removed,
        }),
        None => Ok(renames),
    }
}

/// Returns what the user still has to answer: questions about tables, or if there are none, questions about columns.
///
/// # Errors
///
/// Fails if an answer names something that is not removed or not new.
pub(crate) fn questions(
    before: &Schema,
    after: &Schema,
    answers: &RenameAnswers,
) -> Result<Vec<RenameQuestion>, RenameAnswerError> {
    let renames = renames(before, after, answers)?;
    let questions = table_names(before, after).questions(answers);
    if !questions.is_empty() {
        return Ok(questions);
    }
    Ok(pairs(before, after, &renames.tables)
        .flat_map(|(old, new)| column_names(old, new).questions(answers))
        .collect())
}

/// Returns the tables that are in both schemas, each before and after.
pub(super) fn pairs<'a, 'r>(
    before: &'a Schema,
    after: &'a Schema,
    renamed: &'r [(String, String)],
) -> impl Iterator<Item = (&'a Table, &'a Table)> + use<'a, 'r> {
    before.tables.iter().filter_map(|old| {
        let renamed = renamed.iter().find(|(from, _)| *from == old.name);
        let name = renamed.map_or(&old.name, |(_, to)| to);
        Some((old, after.table(name)?))
    })
}

#[cfg(test)]
mod tests {
    use watertight_diagnostics::ErrorReport;

    use super::*;

    fn schema(tables: &[(&str, &[&str])]) -> Schema {
        let macros: Vec<String> = tables
            .iter()
            .map(|(table, columns)| {
                let columns: Vec<_> = columns
                    .iter()
                    .map(|name| format!("{name} -> Text"))
                    .collect();
                format!(
                    "table! {{ s.{table} (id) {{ id -> Int4, {} }} }}",
                    columns.join(", ")
                )
            })
            .collect();
        Schema::from_rust(&macros.join("\n"), "s", "schema.rs").unwrap()
    }

    fn answers(renamed: &[(&str, &str)], dropped: &[&str]) -> RenameAnswers {
        RenameAnswers {
            renamed: renamed
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect(),
            dropped: dropped.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn possible_renames_are_asked_until_they_are_answered() {
        let before = schema(&[("items", &["name"])]);
        let after = schema(&[("products", &["title"])]);
        let asked = |answers: &RenameAnswers| {
            let questions = questions(&before, &after, answers).unwrap();
            questions
                .iter()
                .map(RenameQuestion::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            asked(&RenameAnswers::default()),
            [
                "`items` is no longer in schema.rs and `products` is new, so it may have been renamed"
            ]
        );
        assert_eq!(
            asked(&answers(&[("items", "products")], &[])),
            [
                "`products.name` is no longer in schema.rs and `title` is new, so it may have been renamed"
            ]
        );
        let all = answers(&[("items", "products"), ("products.name", "title")], &[]);
        assert!(asked(&all).is_empty());
        assert!(asked(&answers(&[], &["items"])).is_empty());
        let renames = renames(&before, &after, &all).unwrap();
        assert_eq!(
            renames.columns,
            [("products".into(), "name".into(), "title".into())]
        );
    }

    #[test]
    fn no_question_is_asked_if_names_are_only_removed_or_only_added() {
        let one = schema(&[("items", &["name"]), ("others", &[])]);
        let other = schema(&[("items", &[])]);
        assert!(
            questions(&one, &other, &RenameAnswers::default())
                .unwrap()
                .is_empty()
        );
        assert!(
            questions(&other, &one, &RenameAnswers::default())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn an_answer_about_a_name_that_is_not_removed_or_not_new_is_an_error() {
        let before = schema(&[("items", &["name"])]);
        let after = schema(&[("items", &["title"])]);
        let error = |renamed: &[_], dropped: &[_]| {
            let error = renames(&before, &after, &answers(renamed, dropped)).unwrap_err();
            ErrorReport::new(&error).to_string()
        };
        insta::assert_snapshot!(error(&[("items.nam", "title")], &[]), @r#"
        error: failed to rename or drop "items.nam": schema.rs still has it, or the migrations do not create it
        hint: removed from schema.rs: items.name
        "#);
        insta::assert_snapshot!(error(&[], &["items"]), @r#"
        error: failed to rename or drop "items": schema.rs still has it, or the migrations do not create it
        hint: removed from schema.rs: items.name
        "#);
        insta::assert_snapshot!(error(&[("items.name", "titel")], &[]), @r#"
        error: failed to rename "items.name" to "titel": schema.rs has nothing new of that name
        hint: new in schema.rs: title
        "#);
    }
}
