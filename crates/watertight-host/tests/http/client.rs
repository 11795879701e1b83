//! Test servers, and requests to them.

use std::sync::LazyLock;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, Response};
use watertight_host::{DevelopmentToken, Plugin, Routes, RunningServer, Server};
use watertight_metadata::PluginMetadata;
use watertight_testing::TestDatabase;

pub const NOTES: PluginMetadata = PluginMetadata::new("notes");
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
pub const TOKEN: &str = "open-sesame";

/// Returns a plugin `notes` with a table and these routes.
pub fn notes(routes: Routes) -> Plugin {
    Plugin::new(NOTES, MIGRATIONS).routes(routes)
}

/// A server with its own database.
pub struct TestServer {
    // Declared first, so that it stops before its database is dropped.
    pub server: RunningServer,
    pub database: TestDatabase,
}

impl TestServer {
    /// Starts a server of these plugins, on a database with the migrations of `notes`.
    pub fn start(plugins: Vec<Plugin>) -> Self {
        let database = TestDatabase::new(vec![notes(Routes::new()).into_migrations()]);
        let server = Server::new(plugins).authorizer(DevelopmentToken::new(TOKEN));
        let server = server.spawn(database.url()).unwrap();
        Self { server, database }
    }

    pub fn get(&self, path: &str) -> Received {
        send(Request::get(self.url(path)).body(()).unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }
}

pub fn send(request: Request<impl ureq::AsSendBody>) -> Received {
    Received::new(AGENT.run(request).unwrap())
}

/// Does not treat any status as an error.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
});

/// A response that was read to its end.
pub struct Received {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: String,
}

impl Received {
    fn new(response: Response<ureq::Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.read_to_string().unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Parses the body of an error response, and checks that it is a problem.
    pub fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.body
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem
    }
}
