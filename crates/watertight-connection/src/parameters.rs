//! A database URL as a list of parameters, and back.
//!
//! Follows libpq, with one exception: an `@` that is not percent-encoded may stand in one place only.
//! libpq takes what follows a stray one for the host, and a part of the password ends up in its messages.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::DatabaseUrlError;

/// Names as libpq has them (`host`, `port`, `dbname`, …), in the order in which they were written.
pub(crate) type Parameters = Vec<(String, String)>;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Everything else is percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// In a query value, these too are harmless, and a socket folder stays readable.
const PLAIN_IN_QUERY: &AsciiSet = &PLAIN.remove(b'/').remove(b':').remove(b',');

/// Whether `text` is a URL, and not libpq's list of `key=value`.
pub(crate) fn is_url(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

pub(crate) fn parse(text: &str) -> Result<Parameters, DatabaseUrlError> {
    if let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return parse_url(rest);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let known_shape =
            scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return Err(DatabaseUrlError::Scheme {
            scheme: if known_shape {
                format!(" `{scheme}://`")
            } else {
                String::new()
            },
        });
    }
    if !text.contains('=') {
        return Err(DatabaseUrlError::Scheme {
            scheme: String::new(),
        });
    }
    parse_key_values(text)
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
        // As libpq does: `?dbname=` and the like win over what stands before the `?`.
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

/// `a,b:1,[::1]:2`
fn parse_hosts(hosts: &str, parameters: &mut Parameters) -> Result<(), DatabaseUrlError> {
    if hosts.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = if let Some(bracketed) = host.strip_prefix('[') {
            let (name, port) = bracketed.split_once(']').ok_or(DatabaseUrlError::Syntax {
                problem: "an IPv6 address lacks its `]`",
            })?;
            let port = port
                .strip_prefix(':')
                .or_else(|| port.is_empty().then_some(""));
            let port = port.ok_or(DatabaseUrlError::Syntax {
                problem: "after the `]` of an IPv6 address only `:PORT` may follow",
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

fn decode(what: &'static str, text: &str) -> Result<String, DatabaseUrlError> {
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'%'
            && !bytes
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .ok()
        .filter(|text| !broken && !text.contains('\0'));
    Ok(decoded
        .ok_or(DatabaseUrlError::Encoding { what })?
        .into_owned())
}

/// `host=localhost password='it''s'` as libpq reads it: values in single quotes, backslash escapes.
fn parse_key_values(text: &str) -> Result<Parameters, DatabaseUrlError> {
    let mut parameters = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(DatabaseUrlError::Syntax {
            problem: "a word is followed by no `=`",
        })?;
        let (value, after) = key_value(after.trim_start())?;
        let key = key.trim_end();
        parameters.retain(|(known, _)| known != key);
        parameters.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(parameters)
}

fn key_value(text: &str) -> Result<(String, &str), DatabaseUrlError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            blank if !quoted && blank.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        return Err(DatabaseUrlError::Syntax {
            problem: "a value lacks its closing `'`",
        });
    }
    Ok((value, ""))
}

/// The parameters as a URL that libpq and we read alike; `password` replaces the password.
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
    // A list of hosts or a folder is told as parameters: every reader understands those.
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
        let told = match key.as_str() {
            "user" | "password" | "dbname" => true,
            "host" | "port" => in_authority,
            _ => false,
        };
        if !told {
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
