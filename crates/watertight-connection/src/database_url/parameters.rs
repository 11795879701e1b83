//! Converts a database URL to a list of parameters, and back.
//!
//! This follows libpq with one exception: more than one unencoded `@` is an error. libpq takes what follows a stray `@` for
//! the host, so that its messages show part of the password.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::database_url_error::DatabaseUrlError;

/// libpq's parameters (`host`, `port`, `dbname`, …) and their values, in the order of the URL.
pub(crate) type Parameters = Vec<(String, String)>;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The characters that are not percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// As [`PLAIN`], in a query value, where a socket folder stays readable.
const PLAIN_IN_QUERY: &AsciiSet = &PLAIN.remove(b'/').remove(b':').remove(b',');

/// Returns whether `source` is a URL rather than a list of `key=value`.
pub(crate) fn is_url(source: &str) -> bool {
    SCHEMES.iter().any(|scheme| source.starts_with(scheme))
}

/// Parses a URL or a list of `key=value`.
pub(crate) fn parse(source: &str) -> Result<Parameters, DatabaseUrlError> {
    let without_scheme = SCHEMES
        .iter()
        .find_map(|scheme| source.strip_prefix(scheme));
    if let Some(rest) = without_scheme {
        return parse_url(rest);
    }
    if let Some((scheme, _)) = source.split_once("://") {
        // Anything else may be part of a password.
        let is_scheme =
            scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return Err(DatabaseUrlError::Scheme {
            scheme: if is_scheme {
                format!(" `{scheme}://`")
            } else {
                String::new()
            },
        });
    }
    if !source.contains('=') {
        return Err(DatabaseUrlError::Scheme {
            scheme: String::new(),
        });
    }
    parse_key_values(source)
}

fn parse_url(rest: &str) -> Result<Parameters, DatabaseUrlError> {
    if rest.matches('@').count() > 1 {
        return Err(DatabaseUrlError::StrayAt);
    }
    let (userinfo, rest) = match rest.split_once('@') {
        Some((userinfo, rest)) if !userinfo.contains('/') => (Some(userinfo), rest),
        Some(_) => return Err(DatabaseUrlError::StrayAt),
        None => (None, rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));

    let mut parameters = Parameters::new();
    if let Some(userinfo) = userinfo {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        push(&mut parameters, "user", decode("user", user)?);
        push(
            &mut parameters,
            "password",
            decode("password", password.unwrap_or(""))?,
        );
    }
    parse_hosts(hosts, &mut parameters)?;
    push(&mut parameters, "dbname", decode("dbname", database)?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(DatabaseUrlError::Syntax {
            problem: "a parameter after `?` has no `=`",
        })?;
        let value = decode(
            if key == "password" {
                "password"
            } else {
                "a parameter"
            },
            value,
        )?;
        // As in libpq, `?dbname=` and the like override the parts before the `?`.
        parameters.retain(|(known, _)| known != key);
        parameters.push((key.to_owned(), value));
    }
    Ok(parameters)
}

fn push(parameters: &mut Parameters, key: &str, value: String) {
    if !value.is_empty() {
        parameters.push((key.to_owned(), value));
    }
}

/// Parses a list of hosts, such as `a,b:1,[::1]:2`.
fn parse_hosts(hosts: &str, parameters: &mut Parameters) -> Result<(), DatabaseUrlError> {
    if hosts.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = if let Some(bracketed) = host.strip_prefix('[') {
            let (name, port) = bracketed.split_once(']').ok_or(DatabaseUrlError::Syntax {
                problem: "an IPv6 address has no closing `]`",
            })?;
            let port = port
                .strip_prefix(':')
                .or_else(|| port.is_empty().then_some(""));
            let port = port.ok_or(DatabaseUrlError::Syntax {
                problem: "an IPv6 address is followed by something other than `:PORT`",
            })?;
            (name, port)
        } else {
            host.split_once(':').unwrap_or((host, ""))
        };
        names.push(decode("host", name)?);
        ports.push(decode("port", port)?);
    }
    if names.iter().any(|name| !name.is_empty()) {
        parameters.push(("host".to_owned(), names.join(",")));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        parameters.push(("port".to_owned(), ports.join(",")));
    }
    Ok(())
}

/// Decodes percent-encoding. `part` names the part of the URL for the error.
fn decode(part: &'static str, encoded: &str) -> Result<String, DatabaseUrlError> {
    let bytes = encoded.as_bytes();
    let is_malformed = bytes.iter().enumerate().any(|(index, byte)| {
        *byte == b'%'
            && !bytes
                .get(index + 1..index + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(encoded)
        .decode_utf8()
        .ok()
        .filter(|decoded| !is_malformed && !decoded.contains('\0'));
    Ok(decoded
        .ok_or(DatabaseUrlError::Encoding { part })?
        .into_owned())
}

/// Parses a list such as `host=localhost password='a b'`: values may be in single quotes, with backslash escapes.
fn parse_key_values(source: &str) -> Result<Parameters, DatabaseUrlError> {
    let mut parameters = Parameters::new();
    let mut rest = source.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(DatabaseUrlError::Syntax {
            problem: "a key is not followed by `=`",
        })?;
        let (value, after) = parse_value(after.trim_start())?;
        let key = key.trim_end();
        parameters.retain(|(known, _)| known != key);
        parameters.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// Splits the value of a `key=value` list from what follows it.
fn parse_value(source: &str) -> Result<(String, &str), DatabaseUrlError> {
    let is_quoted = source.starts_with('\'');
    let mut value = String::new();
    let mut characters = source.char_indices().skip(usize::from(is_quoted));
    while let Some((index, character)) = characters.next() {
        match character {
            '\'' if is_quoted => return Ok((value, &source[index + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            blank if !is_quoted && blank.is_whitespace() => return Ok((value, &source[index..])),
            other => value.push(other),
        }
    }
    if is_quoted {
        return Err(DatabaseUrlError::Syntax {
            problem: "a value has no closing `'`",
        });
    }
    Ok((value, ""))
}

/// Renders the parameters as a URL that libpq parses too. `password` replaces the password.
pub(crate) fn render(parameters: &Parameters, password: Option<&str>) -> String {
    let get = |key: &str| {
        parameters
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    };
    let user = get("user").map(|user| utf8_percent_encode(user, PLAIN).to_string());
    let password = get("password").map(|secret| {
        password.map_or_else(
            || utf8_percent_encode(secret, PLAIN).to_string(),
            str::to_owned,
        )
    });
    let (host, port) = (get("host"), get("port"));
    // Lists of hosts and socket folders are written as query parameters, which all parsers support.
    let in_authority = host
        .is_some_and(|host| !host.contains(['/', ',']) && !host.starts_with('@'))
        && port.is_none_or(|port| !port.contains(','));

    let mut url = "postgres://".to_owned();
    match (user, password) {
        (Some(user), Some(password)) => url = format!("{url}{user}:{password}@"),
        (Some(user), None) => url = format!("{url}{user}@"),
        (None, Some(password)) => url = format!("{url}:{password}@"),
        (None, None) => {}
    }
    if in_authority {
        let host = host.unwrap_or_default();
        let address = host.split('%').next().unwrap_or_default();
        let _ = if address.parse::<Ipv6Addr>().is_ok() {
            write!(url, "[{}]", utf8_percent_encode(host, PLAIN_IN_QUERY))
        } else {
            write!(url, "{}", utf8_percent_encode(host, PLAIN))
        };
        if let Some(port) = port {
            let _ = write!(url, ":{port}");
        }
    }
    let _ = write!(
        url,
        "/{}",
        utf8_percent_encode(get("dbname").unwrap_or_default(), PLAIN)
    );

    let mut separator = '?';
    for (key, value) in parameters {
        let is_written = match key.as_str() {
            "user" | "password" | "dbname" => true,
            "host" | "port" => in_authority,
            _ => false,
        };
        if !is_written {
            let _ = write!(
                url,
                "{separator}{key}={}",
                utf8_percent_encode(value, PLAIN_IN_QUERY)
            );
            separator = '&';
        }
    }
    url
}
