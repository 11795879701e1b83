use std::net::{Ipv4Addr, SocketAddr};

use crate::cli::cli_error::CliError;

const DEFAULT_PORT: u16 = 3000;

/// Returns the address to listen on, from `--listen` and the environment variable `PORT`.
///
/// Hosting platforms set `PORT`, and expect the server on all interfaces.
///
/// # Errors
///
/// Returns an error if `PORT` is not a port number.
pub(super) fn listen_address(
    listen: Option<SocketAddr>,
    port: Option<String>,
) -> Result<SocketAddr, CliError> {
    if let Some(address) = listen {
        return Ok(address);
    }
    match port.filter(|port| !port.is_empty()) {
        None => Ok((Ipv4Addr::LOCALHOST, DEFAULT_PORT).into()),
        Some(port) => match port.parse::<u16>() {
            Ok(port) => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
            Err(source) => Err(CliError::Port { port, source }),
        },
    }
}

#[cfg(test)]
mod tests {
    use watertight_diagnostics::ErrorReport;

    use super::*;

    #[test]
    fn listen_takes_precedence_over_port_and_the_default() {
        let given = Some("127.0.0.1:1".parse().unwrap());
        let address = |listen, port: Option<&str>| {
            listen_address(listen, port.map(str::to_owned))
                .unwrap()
                .to_string()
        };
        assert_eq!(address(given, Some("2")), "127.0.0.1:1");
        assert_eq!(address(None, Some("2")), "0.0.0.0:2");
        assert_eq!(address(None, Some("")), "127.0.0.1:3000");
        assert_eq!(address(None, None), "127.0.0.1:3000");
    }

    #[test]
    fn an_invalid_port_is_refused() {
        let error = listen_address(None, Some("70000".to_owned())).unwrap_err();
        insta::assert_snapshot!(ErrorReport::new(&error), @r#"
        error: failed to read PORT in the environment: "70000" is not a port: number too large to fit in target type
        hint: set it to a number from 0 to 65535, or unset it
        "#);
    }
}
