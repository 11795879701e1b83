use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

/// One line of a source file, and the position in it that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceExcerpt {
    /// The path of the file, as the user knows it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1, where it is known.
    pub column: Option<usize>,
    /// The contents of the line, without its line end.
    pub source: String,
}

impl SourceExcerpt {
    /// Returns the excerpt of `contents` at a byte offset; an offset past the end is the end.
    ///
    /// ```
    /// use watertight_diagnostics::SourceExcerpt;
    ///
    /// let excerpt = SourceExcerpt::at("up.sql", "SELECT 1;\nSELEC 2;\n", 10);
    /// assert_eq!((excerpt.line, excerpt.column), (2, Some(1)));
    /// assert_eq!(excerpt.source, "SELEC 2;");
    /// ```
    pub fn at(file: impl Into<String>, contents: &str, offset: usize) -> Self {
        let offset = contents.floor_char_boundary(offset.min(contents.len()));
        let before = &contents[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let source = contents[start..].lines().next().unwrap_or_default();
        Self {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: Some(before[start..].chars().count() + 1),
            source: source.to_owned(),
        }
    }

    /// Returns `file:line:column`, or `file:line` where the column is not known.
    pub fn location(&self) -> String {
        let Self { file, line, .. } = self;
        match self.column {
            Some(column) => format!("{file}:{line}:{column}"),
            None => format!("{file}:{line}"),
        }
    }

    /// Returns the excerpt as a JSON object: `file`, `line`, `column` and `source`.
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "source": self.source,
        })
    }

    /// Draws the line below its location, as rustc does, with a mark at the column.
    pub(crate) fn draw(&self, renderer: &Renderer) -> String {
        let group = Group::with_level(Level::ERROR);
        if self.source.trim().is_empty() {
            let origin = Origin::path(self.location());
            return renderer.render(&[group.element(origin)]);
        }
        let snippet = Snippet::source(&self.source).line_start(self.line);
        let snippet = if let Some(column) = self.column {
            let mark = AnnotationKind::Primary.span(token_at(&self.source, column));
            snippet.path(&self.file).annotation(mark)
        } else {
            // Without a mark, a line is drawn only where it is said to be visible, and the location has no line.
            let line = AnnotationKind::Visible.span(0..self.source.len());
            snippet.path(self.location()).annotation(line)
        };
        renderer.render(&[group.element(snippet)])
    }
}

/// Returns the bytes of the word that begins at a column, or of the one character there; an empty range at the end of
/// the line.
fn token_at(line: &str, column: usize) -> Range<usize> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let start = line
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(line.len(), |(at, _)| at);
    let rest = &line[start..];
    let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    start..start + word.max(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(excerpt: &SourceExcerpt) -> String {
        excerpt.draw(&Renderer::plain())
    }

    #[test]
    fn the_word_at_the_column_is_marked() {
        let sql = "-- prices\nUPDATE a\n  SET prïse = 0;\n";
        let excerpt = SourceExcerpt::at("up.sql", sql, sql.find("prïse").unwrap());
        assert_eq!(excerpt.location(), "up.sql:3:7");
        insta::assert_snapshot!(plain(&excerpt), @"
         --> up.sql:3:7
          |
        3 |   SET prïse = 0;
          |       ^^^^^
        ");
    }

    #[test]
    fn a_line_without_a_column_is_shown_without_a_mark() {
        let excerpt = SourceExcerpt {
            column: None,
            ..SourceExcerpt::at("up.sql", "SELECT 1;", 3)
        };
        insta::assert_snapshot!(plain(&excerpt), @"
         --> up.sql:1
          |
        1 | SELECT 1;
          |
        ");
    }

    #[test]
    fn an_empty_line_is_a_location_alone() {
        insta::assert_snapshot!(plain(&SourceExcerpt::at("up.sql", "", 9)), @"--> up.sql:1:1");
    }

    #[test]
    fn a_long_line_is_cut_around_the_column() {
        let sql = format!("SELECT {} oops {}", "1, ".repeat(300), "2, ".repeat(300));
        let excerpt = SourceExcerpt::at("up.sql", &sql, sql.find("oops").unwrap());
        insta::assert_snapshot!(plain(&excerpt), @"
         --> up.sql:1:909
          |
        1 | ..., 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  oops 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,...
          |                                                                   ^^^^
        ");
    }

    #[test]
    fn the_end_of_a_file_is_after_its_last_character() {
        let excerpt = SourceExcerpt::at("up.sql", "SELECT (", 100);
        insta::assert_snapshot!(plain(&excerpt), @"
         --> up.sql:1:9
          |
        1 | SELECT (
          |         ^
        ");
    }
}
