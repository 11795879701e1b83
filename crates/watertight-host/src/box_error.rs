use std::error::Error;

/// An error of a plugin's start-up hook or of an [`Authorizer`](crate::Authorizer).
pub type BoxError = Box<dyn Error + Send + Sync>;
