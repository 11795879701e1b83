use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::settings::{HostSettings, SslMode, SslRoots};
use super::*;
use watertight_diagnostics::ErrorReport;

fn parse_with(url: &str, environment: &[(&str, &str)]) -> Result<DatabaseUrl, DatabaseUrlError> {
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    DatabaseUrl::parse_in(url, &|name| {
        environment.get(name).map(|value| (*value).to_owned())
    })
}

fn parse(url: &str) -> DatabaseUrl {
    parse_with(url, &[]).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn report(url: &str) -> ErrorReport {
    ErrorReport::new(&parse_with(url, &[]).unwrap_err())
}

fn host(host: &str, port: u16) -> HostSettings {
    HostSettings {
        host: Some(host.to_owned()),
        address: None,
        port,
    }
}

#[test]
fn all_parts_of_a_url_are_parsed() {
    let url = parse(
        "postgresql://me:p%40ss@db.example:5433/shop?sslmode=verify-full&sslrootcert=/ca.pem&options=-c%20a%3Db&application_name=x&connect_timeout=7",
    );
    let settings = url.settings();
    assert_eq!(settings.hosts, [host("db.example", 5433)]);
    assert_eq!(
        (settings.user.as_str(), settings.password.as_deref()),
        ("me", Some("p@ss"))
    );
    assert_eq!(url.database_name(), "shop");
    assert_eq!(settings.ssl_mode, SslMode::VerifyFull);
    assert_eq!(settings.ssl_roots, SslRoots::File("/ca.pem".into()));
    assert_eq!(settings.options.as_deref(), Some("-c a=b"));
    assert_eq!(settings.application_name, "x");
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(7)));
}

#[test]
fn hosts_can_be_lists_socket_folders_and_addresses() {
    let hosts = |url: &str| parse(url).settings().hosts.clone();
    assert_eq!(
        hosts("postgres://a:1,b,c:3/d"),
        [host("a", 1), host("b", 5432), host("c", 3)]
    );
    assert_eq!(hosts("postgres://[::1]:7/d"), [host("::1", 7)]);
    assert_eq!(hosts("postgres://[::1]/d"), [host("::1", 5432)]);
    assert_eq!(hosts("postgres:///d?host=/run/pg"), [host("/run/pg", 5432)]);
    assert_eq!(hosts("postgres://%2Frun%2Fpg:2/d"), [host("/run/pg", 2)]);
    assert_eq!(
        hosts("postgres:///d?host=a,b&port=1,2"),
        [host("a", 1), host("b", 2)]
    );
    assert_eq!(
        hosts("postgres:///d"),
        [HostSettings {
            host: None,
            address: None,
            port: 5432
        }]
    );
    let address: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(
        hosts("postgres://a/d?hostaddr=10.0.0.1"),
        [HostSettings {
            address: Some(address),
            ..host("a", 5432)
        }]
    );
}

#[test]
fn a_key_value_list_is_parsed_like_a_url() {
    let url = parse(r"host=/run/pg port = 7 user='it\'s me' password=a\ b dbname=shop");
    assert_eq!(url.settings().hosts, [host("/run/pg", 7)]);
    assert_eq!(url.settings().password.as_deref(), Some("a b"));
    assert_eq!(
        url.expose_secret(),
        "postgres://it%27s%20me:a%20b@/shop?host=/run/pg&port=7"
    );
}

#[test]
fn variables_fill_in_what_the_url_leaves_out() {
    let environment = [
        ("PGHOST", "from-env"),
        ("PGPORT", "7"),
        ("PGUSER", "env-user"),
        ("PGPASSWORD", "env-secret"),
        ("PGDATABASE", "env-database"),
        ("PGSSLMODE", "require"),
        ("PGSSLROOTCERT", "/env.pem"),
        ("PGOPTIONS", "-c x=y"),
        ("PGTZ", "Europe/Berlin"),
        ("PGAPPNAME", "env-app"),
        ("PGCONNECT_TIMEOUT", "0"),
    ];
    let url = parse_with("postgres://", &environment).unwrap();
    let settings = url.settings();
    assert_eq!(settings.hosts, [host("from-env", 7)]);
    assert_eq!(
        (settings.user.as_str(), settings.password.as_deref()),
        ("env-user", Some("env-secret"))
    );
    assert_eq!(settings.database, "env-database");
    assert_eq!(settings.ssl_mode, SslMode::Require);
    assert_eq!(
        settings.options.as_deref(),
        Some("-c timezone=Europe/Berlin -c x=y")
    );
    assert_eq!(settings.application_name, "env-app");
    assert_eq!(settings.connect_timeout, None);
    assert_eq!(
        url.expose_secret(),
        "postgres://",
        "a child process reads the same variables"
    );

    let url = parse_with(
        "postgres://me:mine@here:1/this?sslmode=disable",
        &environment,
    )
    .unwrap();
    let settings = url.settings();
    assert_eq!(settings.hosts, [host("here", 1)]);
    assert_eq!(
        (settings.user.as_str(), settings.password.as_deref()),
        ("me", Some("mine"))
    );
    assert_eq!(
        (settings.database.as_str(), settings.ssl_mode),
        ("this", SslMode::Disable)
    );
}

#[test]
fn defaults_are_those_of_libpq() {
    let url = parse("postgres://me@/");
    assert_eq!(url.database_name(), "me");
    assert_eq!(url.settings().ssl_mode, SslMode::Prefer);
    assert_eq!(url.settings().application_name, "watertight");
    let without_user = parse("postgres:///");
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .unwrap()
        .unwrap()
        .name;
    assert_eq!(
        (without_user.user_name(), without_user.database_name()),
        (user.as_str(), user.as_str())
    );
    assert_eq!(
        parse("postgres://h/d?sslrootcert=system")
            .settings()
            .ssl_mode,
        SslMode::VerifyFull
    );
    assert!(parse_with("postgres://h/d?sslrootcert=system&sslmode=require", &[]).is_err());
}

#[test]
fn unsupported_parameters_and_variables_are_rejected_by_name() {
    assert_snapshot!(report("postgres://h/d?sslcert=/me.pem"), @r"
    error: invalid database URL: the parameter `sslcert` is not supported
    hint: remove it, and percent-encode special characters in the password
    ");
    assert_snapshot!(report("postgres://h/d?sslmod=require"), @r"
    error: invalid database URL: the parameter `sslmod` is not supported
    hint: remove it, and percent-encode special characters in the password
    ");
    assert_snapshot!(report("postgres://h/d?sslmode=required"), @r"
    error: invalid database URL: `sslmode`, from the URL or its `PG…` variable, must be `prefer` or `disable` or `allow` or `require` or `verify-ca` or `verify-full`
    hint: change it, and percent-encode special characters in the password
    ");
    assert_snapshot!(report("postgres://h/d?target_session_attrs=primary"), @r"
    error: invalid database URL: `target_session_attrs`, from the URL or its `PG…` variable, must be `any` or `read-write` or `read-only`
    hint: change it, and percent-encode special characters in the password
    ");
    let error = parse_with("postgres://h/d", &[("PGSERVICE", "main")]).unwrap_err();
    assert_snapshot!(ErrorReport::new(&error), @r"
    error: invalid database URL: the environment variable `PGSERVICE` is not supported
    hint: unset it, and use a parameter of the URL instead
    ");
    assert!(
        parse_with(
            "postgres://h/d",
            &[("PGSSLKEY", ""), ("PGGSSENCMODE", "prefer")]
        )
        .is_ok()
    );
    assert!(parse_with("postgres://h/d", &[("PGGSSENCMODE", "require")]).is_err());
}

#[test]
fn an_invalid_url_is_rejected() {
    assert_snapshot!(report("mysql://h/d"), @r"
    error: invalid database URL: its scheme `mysql://` is not `postgres://`
    hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE
    ");
    assert_snapshot!(report("localhost"), @r"
    error: invalid database URL: its scheme is not `postgres://`
    hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE
    ");
    assert_snapshot!(report("postgres://me:100%@h/d"), @r"
    error: invalid database URL: the percent-encoding of password is malformed
    hint: write `%25` for a `%`
    ");
    assert_snapshot!(report("postgres://me:a@b@h/d"), @r"
    error: invalid database URL: it has an `@` that does not end the password
    hint: write `%40` for an `@`, `%2F` for a `/`, `%3F` for a `?` and `%3A` for a `:` in a user name or password
    ");
    assert_snapshot!(report("postgres://[::1/d"), @r"
    error: invalid database URL: an IPv6 address has no closing `]`
    hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE
    ");
    assert_snapshot!(report("postgres://h:70000/d"), @r"
    error: invalid database URL: `port`, from the URL or its `PG…` variable, must be a number from 1 to 65535
    hint: change it, and percent-encode special characters in the password
    ");
    for url in [
        "postgres://me:a/b@h/d",
        "postgres://h/d?sslmode",
        "postgres://a,b/d?port=1,2,3",
        "host='x",
    ] {
        report(url);
    }
}

#[test]
fn replacing_the_database_or_search_path_keeps_the_rest() {
    let url = parse("postgres://me:p%40@h:1,[::1]:2/shop?options=-c%20a%3Db&sslmode=require");
    let other = url.with_database("my/other").with_search_path("plugin_x");
    let again = parse(other.expose_secret());
    for url in [&other, &again] {
        assert_eq!(url.database_name(), "my/other");
        assert_eq!(
            url.settings().options.as_deref(),
            Some("-c a=b -c search_path=\"plugin_x\"")
        );
        assert_eq!(url.settings().hosts, [host("h", 1), host("::1", 2)]);
        assert_eq!(url.settings().password.as_deref(), Some("p@"));
    }
    assert_eq!(other.to_string(), again.to_string());
    assert_eq!(
        parse("postgres://h/").with_database("d").to_string(),
        "postgres://h/d"
    );
}

#[test]
fn a_child_process_gets_the_password_in_a_variable() {
    let variables: HashMap<_, _> = parse("postgres://me:secret@h/shop?sslmode=verify-ca")
        .pg_environment()
        .into_iter()
        .collect();
    let value = |name| variables[name].as_deref();
    assert_eq!(value("PGPASSWORD"), Some("secret"));
    assert_eq!(value("PGSSLMODE"), Some("verify-ca"));
    assert_eq!(value("PGHOST"), Some("h"));
    assert_eq!(value("PGPORT"), Some("5432"));
    assert_eq!(value("PGDATABASE"), Some("shop"));
}

#[test]
fn variables_that_would_change_a_child_process_s_connection_are_removed() {
    let variables = parse("postgres://me@h/shop").pg_environment();
    for name in ["PGHOSTADDR", "PGOPTIONS", "PGPASSWORD"] {
        assert!(variables.contains(&(name, None)), "{name}");
    }
}

/// Returns everything that can be displayed of a URL.
fn displayed(parsed: &Result<DatabaseUrl, DatabaseUrlError>) -> String {
    match parsed {
        Ok(url) => format!(
            "{url} {url:?} {} {}",
            url.database_name(),
            url.with_database("x")
        ),
        Err(error) => format!("{error} {error:?}"),
    }
}

proptest! {
    #[test]
    fn a_password_is_never_shown(
        pieces in prop::collection::vec("SECRET[A-Z0-9]{0,4}", 1..4),
        between in r"[ -/:-@\[-`{-~ä]{1,2}",
    ) {
        let password = pieces.join(&between);
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
        let parsed = parse_with(&format!("postgres://me:{encoded}@host:1/shop"), &[]);
        prop_assert_eq!(parsed.as_ref().unwrap().settings().password.as_deref(), Some(password.as_str()));
        prop_assert!(!displayed(&parsed).contains("SECRET"));
        for url in [
            format!("postgres://me:{password}@host:1/shop"),
            format!("postgres://me:{password}@host"),
            format!("postgres:///shop?password={encoded}&host=h"),
            format!("host=h password='{}'", password.replace('\\', r"\\").replace('\'', r"\'")),
        ] {
            let displayed = displayed(&parse_with(&url, &[("PGPASSWORD", &password)]));
            prop_assert!(!displayed.contains("SECRET"), "{} shows {}", url, displayed);
        }
    }

    #[test]
    fn a_rendered_url_parses_to_the_same_settings(
        user in r"[^\x00]{1,8}",
        password in r"[^\x00]{1,8}",
        database in r"[^\x00]{1,8}",
        host in r"[a-z/%@:.]{1,8}",
    ) {
        let parameters = [("user", user.as_str()), ("password", &password), ("dbname", &database), ("host", &host)];
        let url = DatabaseUrl::from_parameters(&parameters).unwrap();
        let again = parse(url.expose_secret());
        prop_assert_eq!(again.user_name(), user);
        prop_assert_eq!(again.settings().password.as_deref(), Some(password.as_str()));
        prop_assert_eq!(again.database_name(), database);
        prop_assert_eq!(&again.settings().hosts, &url.settings().hosts);
    }
}
