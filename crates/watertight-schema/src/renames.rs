//! What went and what came may be one thing with a new name. Only people know.

use std::fmt;

use crate::{Schema, Table};

/// What people have said about tables and columns that are in `schema.rs` no more. Names are PostgreSQL's; a column is
/// `table.column`, with either name of a table that is renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// `(from, to)`: these have another name now. Of a column, `to` is the column's name alone.
    pub renamed: Vec<(String, String)>,
    /// These have gone, whatever came.
    pub dropped: Vec<String>,
}

impl Answers {
    /// The same, with the new names of renamed tables before all columns.
    pub(crate) fn with_new_names(&self) -> Self {
        let new_name = |name: &String| {
            let (table, column) = name.split_once('.')?;
            let (_, to) = self.renamed.iter().find(|(from, _)| from == table)?;
            Some(format!("{to}.{column}"))
        };
        let new_name = |name: &String| new_name(name).unwrap_or_else(|| name.clone());
        Self {
            renamed: self
                .renamed
                .iter()
                .map(|(from, to)| (new_name(from), to.clone()))
                .collect(),
            dropped: self.dropped.iter().map(new_name).collect(),
        }
    }
}

/// A table or column that is gone, while others have come that it could have become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The table, or `table.column`.
    pub gone: String,
    /// The names of those that came.
    pub candidates: Vec<String>,
}

/// An answer to what nobody would ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Nothing of that name is gone.
    #[error(
        "failed to take {name:?} for renamed or dropped: schema.rs has it, or the migrations do not make it; gone are: \
         {}", if gone.is_empty() { "nothing".to_owned() } else { gone.join(", ") }
    )]
    NotGone {
        /// What was named.
        name: String,
        /// What could have been.
        gone: Vec<String>,
    },
    /// Nothing of that name has come.
    #[error(
        "failed to rename {from:?} to {to:?}: nothing new in schema.rs has that name; new are: {}",
        if new.is_empty() { "nothing".to_owned() } else { new.join(", ") }
    )]
    NotNew {
        /// What was renamed.
        from: String,
        /// To what.
        to: String,
        /// What it could have become.
        new: Vec<String>,
    },
}

impl fmt::Display for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is gone from schema.rs, and {} new: it may have another name now",
            self.gone,
            match self.candidates.as_slice() {
                [one] => format!("`{one}` is"),
                many => format!(
                    "{} are",
                    many.iter()
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            }
        )
    }
}

/// Two lists of names, of what was and what is to be.
struct Names<'a> {
    /// `table.` for columns.
    prefix: String,
    before: Vec<&'a str>,
    after: Vec<&'a str>,
}

impl Names<'_> {
    fn gone(&self) -> Vec<String> {
        let gone = self.before.iter().filter(|name| !self.after.contains(name));
        gone.map(|name| format!("{}{name}", self.prefix)).collect()
    }

    fn came(&self) -> Vec<String> {
        let new = self.after.iter().filter(|name| !self.before.contains(name));
        new.map(|name| (*name).to_owned()).collect()
    }

    /// The renamed among them.
    fn renamed(&self, answers: &Answers) -> Result<Vec<(String, String)>, AnswerError> {
        let (gone, mut new) = (self.gone(), self.came());
        let mut renamed = Vec::new();
        for (from, to) in answers
            .renamed
            .iter()
            .filter(|(from, _)| gone.contains(from))
        {
            let Some(index) = new.iter().position(|name| name == to) else {
                return Err(AnswerError::NotNew {
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

    fn questions(&self, answers: &Answers) -> Vec<Question> {
        let is_open = |name: &String| {
            !answers.dropped.contains(name) && !answers.renamed.iter().any(|(from, _)| from == name)
        };
        let mut candidates = self.came();
        candidates.retain(|new| {
            let is_taken = |(from, to): &(String, String)| to == new && self.gone().contains(from);
            !answers.renamed.iter().any(is_taken)
        });
        if candidates.is_empty() {
            return Vec::new();
        }
        let open = self.gone().into_iter().filter(is_open);
        open.map(|gone| Question {
            gone,
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

/// The tables that are renamed, and of all tables the columns: `(table's new name, from, to)`.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    pub(crate) tables: Vec<(String, String)>,
    pub(crate) columns: Vec<(String, String, String)>,
}

/// Takes the answers for what they are.
///
/// # Errors
///
/// When one is about something that is not gone, or not new.
pub(crate) fn renames(
    before: &Schema,
    after: &Schema,
    answers: &Answers,
) -> Result<Renames, AnswerError> {
    let tables = table_names(before, after);
    let mut gone = tables.gone();
    let mut renames = Renames {
        tables: tables.renamed(answers)?,
        columns: Vec::new(),
    };
    for (old, new) in pairs(before, after, &renames.tables) {
        let columns = column_names(old, new);
        gone.extend(columns.gone());
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
    match named.find(|name| !gone.contains(name)) {
        Some(name) => Err(AnswerError::NotGone {
            name: name.clone(),
            gone,
        }),
        None => Ok(renames),
    }
}

/// What has to be answered first. Questions about the columns of tables come when those about tables are answered.
pub(crate) fn questions(before: &Schema, after: &Schema, answers: &Answers) -> Vec<Question> {
    let tables = table_names(before, after);
    let questions = tables.questions(answers);
    if !questions.is_empty() {
        return questions;
    }
    let renamed = tables.renamed(answers).unwrap_or_default();
    let pairs = pairs(before, after, &renamed);
    pairs
        .flat_map(|(old, new)| column_names(old, new).questions(answers))
        .collect()
}

/// The tables that are in both, each as it was and as it is to be.
pub(crate) fn pairs<'a, 'r>(
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
    use super::*;

    fn schema(tables: &[(&str, &[&str])]) -> Schema {
        let text: Vec<String> = tables
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
        let text = text.join("\n");
        Schema::from_rust(&text, "s", "schema.rs").unwrap()
    }

    fn answers(renamed: &[(&str, &str)], dropped: &[&str]) -> Answers {
        Answers {
            renamed: renamed
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect(),
            dropped: dropped.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_may_be_renamed_is_asked_until_it_is_answered() {
        let before = schema(&[("items", &["name"])]);
        let after = schema(&[("products", &["title"])]);
        let asked = |answers: &Answers| {
            let questions = questions(&before, &after, answers);
            questions
                .iter()
                .map(Question::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            asked(&Answers::default()),
            ["`items` is gone from schema.rs, and `products` is new: it may have another name now"]
        );
        assert_eq!(
            asked(&answers(&[("items", "products")], &[])),
            [
                "`products.name` is gone from schema.rs, and `title` is new: it may have another name now"
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
    fn what_only_went_or_only_came_is_not_asked() {
        let one = schema(&[("items", &["name"]), ("others", &[])]);
        let other = schema(&[("items", &[])]);
        assert!(questions(&one, &other, &Answers::default()).is_empty());
        assert!(questions(&other, &one, &Answers::default()).is_empty());
    }

    #[test]
    fn an_answer_about_what_is_not_gone_or_not_new_is_an_error() {
        let before = schema(&[("items", &["name"])]);
        let after = schema(&[("items", &["title"])]);
        let error = |renamed: &[_], dropped: &[_]| {
            renames(&before, &after, &answers(renamed, dropped))
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(error(&[("items.nam", "title")], &[]), @r#"failed to take "items.nam" for renamed or dropped: schema.rs has it, or the migrations do not make it; gone are: items.name"#);
        insta::assert_snapshot!(error(&[], &["items"]), @r#"failed to take "items" for renamed or dropped: schema.rs has it, or the migrations do not make it; gone are: items.name"#);
        insta::assert_snapshot!(error(&[("items.name", "titel")], &[]), @r#"failed to rename "items.name" to "titel": nothing new in schema.rs has that name; new are: title"#);
    }
}
