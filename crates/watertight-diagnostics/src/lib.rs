//! How Watertight's programs report what happened.
//!
//! - [`ExitCode`]: what each exit code means.
//! - [`Diagnostic`]: an error with a hint and, where it concerns a file, an excerpt of it.
//! - [`ErrorReport`]: such an error as a program prints it, or as JSON.
//! - [`PostgresError`]: an error of Diesel's, with the detail and the hint that PostgreSQL sent.
//!
//! ```
//! use watertight_diagnostics::{Diagnostic, ErrorReport};
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("failed to read DATABASE_URL: its scheme is not `postgres://`")]
//! struct InvalidUrl;
//!
//! impl Diagnostic for InvalidUrl {
//!     fn hint(&self) -> Option<String> {
//!         Some("write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned())
//!     }
//! }
//!
//! assert_eq!(
//!     ErrorReport::new(&InvalidUrl).to_string(),
//!     "error: failed to read DATABASE_URL: its scheme is not `postgres://`\n\
//!      hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE",
//! );
//! ```

mod diagnostic;
mod error_report;
mod exit_code;
mod postgres_error;
mod source_excerpt;

pub use diagnostic::Diagnostic;
pub use error_report::{ErrorReport, causes};
pub use exit_code::ExitCode;
pub use postgres_error::{OWN_SESSION_HINT, PostgresError};
pub use source_excerpt::SourceExcerpt;
