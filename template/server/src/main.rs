//! The server, with the commands `serve`, `migrate` and `status`.

mod plugins;

use std::process::ExitCode;

use watertight_host::{DevelopmentToken, Server};

fn main() -> ExitCode {
    Server::new(plugins::plugins())
        // For development only: replace it with an `Authorizer` that knows your users.
        .authorizer(DevelopmentToken::from_environment())
        .main()
}
