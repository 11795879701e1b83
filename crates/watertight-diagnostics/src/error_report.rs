use std::error::Error;
use std::fmt;

use annotate_snippets::Renderer;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::{Diagnostic, SourceExcerpt};

/// An error as a program prints it: what failed and why, the line of the file that it is about, and what to do next.
///
/// `Display` has no colour. [`styled`](Self::styled) has: print it through a stream that removes the colour where it is
/// not wanted, such as `anstream`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    message: String,
    causes: Vec<String>,
    excerpt: Option<SourceExcerpt>,
    hint: Option<String>,
}

impl ErrorReport {
    /// Returns the report of `error` and its sources.
    pub fn new(error: &(impl Diagnostic + ?Sized)) -> Self {
        Self {
            message: error.to_string(),
            causes: causes(error.source()),
            excerpt: error.excerpt(),
            hint: error.hint(),
        }
    }

    /// Returns the report of an error that is no [`Diagnostic`], such as one of the standard library's.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        Self {
            message: error.to_string(),
            causes: causes(error.source()),
            excerpt: None,
            hint: None,
        }
    }

    /// Sets the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the excerpt.
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: SourceExcerpt) -> Self {
        self.excerpt = Some(excerpt);
        self
    }

    /// Returns the report with ANSI colours.
    pub fn styled(&self) -> String {
        let bold = |colour: AnsiColor| colour.on_default().bold();
        let (error, hint) = (bold(AnsiColor::BrightRed), bold(AnsiColor::BrightCyan));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, error, hint, &Renderer::styled());
        text
    }

    /// Returns a JSON object: `message`, `causes` (the outermost first), `location` (an object with `file`, `line`,
    /// `column` and `source`) and `hint`. What there is none of is `null`.
    pub fn to_json(&self) -> Value {
        json!({
            "message": self.message,
            "causes": self.causes,
            "location": self.excerpt.as_ref().map(SourceExcerpt::to_json),
            "hint": self.hint,
        })
    }

    fn write(
        &self,
        out: &mut impl fmt::Write,
        error: Style,
        hint: Style,
        renderer: &Renderer,
    ) -> fmt::Result {
        write!(out, "{error}error{error:#}: {}", self.message)?;
        for cause in &self.causes {
            write!(out, ": {cause}")?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(out, "\n{}", excerpt.draw(renderer))?;
        }
        if let Some(sentence) = &self.hint {
            write!(out, "\n{hint}hint{hint:#}: {sentence}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, Style::new(), Style::new(), &Renderer::plain())
    }
}

/// Returns the messages of an error and of its sources, the outermost first.
pub fn causes(error: Option<&(dyn Error + 'static)>) -> Vec<String> {
    std::iter::successors(error, |error: &&(dyn Error + 'static)| (*error).source())
        .map(ToString::to_string)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to apply migration 1_a of plugin `shop`")]
    struct Failed {
        source: io::Error,
        excerpt: Option<SourceExcerpt>,
    }

    impl Diagnostic for Failed {
        fn hint(&self) -> Option<String> {
            Some("nothing of it was applied; fix the SQL and run it again".to_owned())
        }

        fn excerpt(&self) -> Option<SourceExcerpt> {
            self.excerpt.clone()
        }
    }

    fn failed(excerpt: Option<SourceExcerpt>) -> ErrorReport {
        ErrorReport::new(&Failed {
            source: io::Error::other("column \"prise\" does not exist"),
            excerpt,
        })
    }

    #[test]
    fn the_cause_the_excerpt_and_the_hint_follow_the_message() {
        let sql = "UPDATE a SET prise = 0;";
        let report = failed(Some(SourceExcerpt::at("up.sql", sql, 13)));
        insta::assert_snapshot!(report, @r#"
        error: failed to apply migration 1_a of plugin `shop`: column "prise" does not exist
         --> up.sql:1:14
          |
        1 | UPDATE a SET prise = 0;
          |              ^^^^^
        hint: nothing of it was applied; fix the SQL and run it again
        "#);
        insta::assert_snapshot!(report.to_json(), @r#"{"causes":["column \"prise\" does not exist"],"hint":"nothing of it was applied; fix the SQL and run it again","location":{"column":14,"file":"up.sql","line":1,"source":"UPDATE a SET prise = 0;"},"message":"failed to apply migration 1_a of plugin `shop`"}"#);
    }

    #[test]
    fn only_what_there_is_is_printed() {
        insta::assert_snapshot!(failed(None), @r#"
        error: failed to apply migration 1_a of plugin `shop`: column "prise" does not exist
        hint: nothing of it was applied; fix the SQL and run it again
        "#);
        let error = io::Error::other("the disk is full");
        assert_eq!(
            ErrorReport::from_error(&error).to_string(),
            "error: the disk is full"
        );
    }

    #[test]
    fn colour_is_added_only_when_asked_for() {
        let report = failed(None);
        assert!(!report.to_string().contains('\x1b'));
        assert!(report.styled().contains('\x1b'));
    }
}
