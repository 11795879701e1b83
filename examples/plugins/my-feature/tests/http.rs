//! Tests the HTTP API against a migrated database.

use plugin_my_feature::plugin;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;
use watertight_host::{DevelopmentToken, RunningServer, Server};
use watertight_testing::TestDatabase;

const TOKEN: &str = "test-token";
const PATH: &str = "/api/my-feature/items";

struct TestServer {
    // Declared first, so that it stops before its database is dropped.
    server: RunningServer,
    _database: TestDatabase,
    agent: Agent,
}

impl TestServer {
    fn start() -> Self {
        let database = TestDatabase::new(vec![plugin().into_migrations()]);
        let server = Server::new(vec![plugin()]).authorizer(DevelopmentToken::new(TOKEN));
        let agent = Agent::config_builder().http_status_as_error(false);
        Self {
            server: server.spawn(database.url()).expect("the server starts"),
            _database: database,
            agent: agent.build().into(),
        }
    }

    /// Sends a request with the development token and returns the status and the JSON body.
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send_with_token(TOKEN, method, path, body)
    }

    fn send_with_token(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url()))
            .header("Authorization", format!("Bearer {token}"));
        let response = match body {
            None => self.agent.run(request.body(()).expect("a valid request")),
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent
                    .run(request.body(body.to_string()).expect("a valid request"))
            }
        };
        let mut response = response.expect("a response");
        let body = response.body_mut().read_to_string().expect("a UTF-8 body");
        let json = serde_json::from_str(&body).unwrap_or(Value::Null);
        (response.status().as_u16(), json)
    }
}

#[test]
fn rows_can_be_created_read_updated_and_deleted() {
    let server = TestServer::start();
    let (status, created) = server.send("POST", PATH, Some(&json!({ "name": "first" })));
    assert_eq!(status, 201, "{created}");
    let path = format!("{PATH}/{}", created["id"].as_str().expect("an id"));
    assert_eq!(server.send("GET", &path, None), (200, created));

    let changes = json!({ "name": "second", "description": "changed" });
    let (status, updated) = server.send("PUT", &path, Some(&changes));
    assert_eq!(status, 200, "{updated}");
    assert_eq!(updated["name"], "second");
    assert_eq!(updated["description"], "changed");
    let (status, list) = server.send("GET", PATH, None);
    assert_eq!((status, &list["items"]), (200, &json!([updated])));

    assert_eq!(server.send("DELETE", &path, None).0, 204);
    for (method, body) in [("GET", None), ("PUT", Some(&changes)), ("DELETE", None)] {
        let (status, problem) = server.send(method, &path, body);
        assert_eq!((status, &problem["status"]), (404, &json!(404)), "{method}");
    }
}

#[test]
fn lists_are_paginated() {
    let server = TestServer::start();
    for number in 1..=3 {
        let body = json!({ "name": format!("number {number}") });
        assert_eq!(server.send("POST", PATH, Some(&body)).0, 201);
    }
    let page = |offset: u32| {
        let (status, list) = server.send("GET", &format!("{PATH}?limit=2&offset={offset}"), None);
        assert_eq!(status, 200, "{list}");
        let items = list["items"].as_array().expect("an array");
        let names = items.iter().map(|item| item["name"].clone()).collect();
        (Value::Array(names), list["next_offset"].clone())
    };
    assert_eq!(page(0), (json!(["number 1", "number 2"]), json!(2)));
    assert_eq!(page(2), (json!(["number 3"]), Value::Null));
}

#[test]
fn invalid_values_are_rejected_with_the_name_of_the_field() {
    let server = TestServer::start();
    for (body, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "name": "x".repeat(201) }), "name"),
        (json!({ "name": "a", "description": "\0" }), "description"),
    ] {
        let (status, problem) = server.send("POST", PATH, Some(&body));
        assert_eq!((status, &problem["field"]), (422, &json!(field)));
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("offset=-1", "offset"),
    ] {
        let (status, problem) = server.send("GET", &format!("{PATH}?{query}"), None);
        assert_eq!((status, &problem["field"]), (422, &json!(field)));
    }
}

#[test]
fn reading_is_public_and_writing_needs_a_permission() {
    let server = TestServer::start();
    let body = json!({ "name": "first" });
    let missing = format!("{PATH}/00000000-0000-0000-0000-000000000000");
    for (method, path, body, expected) in [
        ("GET", PATH, None, 200),
        ("GET", &*missing, None, 404),
        ("POST", PATH, Some(&body), 401),
        ("PUT", &*missing, Some(&body), 401),
        ("DELETE", &*missing, None, 401),
    ] {
        let (status, problem) = server.send_with_token("wrong", method, path, body);
        assert_eq!(status, expected, "{method} {path}: {problem}");
    }
}
