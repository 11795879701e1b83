//! A server with one plugin or several, and requests to it.

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

/// A plugin `notes` with these routes, and the migrations of its table.
pub fn notes(routes: Routes) -> Plugin {
    Plugin::new(NOTES, MIGRATIONS).routes(routes)
}

/// A server that runs on a database of its own.
pub struct Site {
    // Dropped in this order.
    pub server: RunningServer,
    pub _database: TestDatabase,
}

impl Site {
    /// These plugins, on a database in which the migrations of `notes` have run.
    pub fn new(plugins: Vec<Plugin>) -> Self {
        let database = TestDatabase::new(vec![notes(Routes::new()).into_migrations()]);
        let server = Server::new(plugins).authorizer(DevelopmentToken::new(TOKEN));
        let server = server.spawn(database.url()).unwrap();
        Self {
            server,
            _database: database,
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        send(Request::get(self.url(path)).body(()).unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }
}

pub fn send(request: Request<impl ureq::AsSendBody>) -> Answer {
    Answer::of(AGENT.run(request).unwrap())
}

/// Answers with any status are answers.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
});

pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Answer {
    fn of(response: Response<ureq::Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: body.read_to_string().unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of an error, which has to be a problem.
    pub fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem
    }
}
