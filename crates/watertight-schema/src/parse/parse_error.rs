use proc_macro2::Span;
use watertight_diagnostics::{Diagnostic, SourceExcerpt};

/// An error in a `schema.rs`, with its location.
#[derive(Debug, thiserror::Error)]
#[error("failed to parse {}: {message}", excerpt.file)]
pub struct ParseError {
    message: String,
    hint: Option<String>,
    excerpt: SourceExcerpt,
}

impl Diagnostic for ParseError {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        Some(self.excerpt.clone())
    }
}

pub(super) type Result<T> = std::result::Result<T, SpannedError>;

/// An error at a span of the file that is being parsed.
pub(super) struct SpannedError {
    span: Span,
    message: String,
    hint: Option<String>,
}

impl SpannedError {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Adds the file that the span is in.
    pub(super) fn locate(self, file: &str, source: &str) -> ParseError {
        let start = self.span.start();
        let line = source.lines().nth(start.line - 1);
        ParseError {
            message: self.message,
            hint: self.hint,
            excerpt: SourceExcerpt {
                file: file.to_owned(),
                line: start.line,
                column: Some(start.column + 1),
                source: line.unwrap_or_default().to_owned(),
            },
        }
    }
}

impl From<syn_of_diesel::Error> for SpannedError {
    fn from(error: syn_of_diesel::Error) -> Self {
        Self::new(error.span(), error.to_string())
    }
}
