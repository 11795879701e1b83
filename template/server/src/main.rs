//! The server: `serve`, `migrate` and `status`.

mod plugins;

use std::process::ExitCode;

use watertight_host::{DevelopmentToken, Server};

fn main() -> ExitCode {
    Server::new(plugins::plugins())
        // For development: whoever knows the token may do everything. Replace it by an `Authorizer` that knows
        // your users.
        .authorizer(DevelopmentToken::from_environment())
        .main()
}
