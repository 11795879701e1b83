use std::error::Error;

use crate::SourceExcerpt;

/// What an error tells its reader beside its message and its causes.
///
/// The message says what failed and why. An implementor either prints its cause in the message or returns it as
/// [`source`](Error::source), never both: [`ErrorReport`](crate::ErrorReport) prints the whole chain.
pub trait Diagnostic: Error {
    /// Returns what to do next: a phrase in lower case, without a full stop.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Returns the line of a file that the error is about.
    fn excerpt(&self) -> Option<SourceExcerpt> {
        None
    }
}
