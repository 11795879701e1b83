//! The example server.

mod plugins;

use std::process::ExitCode;

use watertight_host::{DevelopmentToken, Server};

fn main() -> ExitCode {
    Server::new(plugins::plugins())
        .authorizer(DevelopmentToken::from_environment())
        .main()
}
