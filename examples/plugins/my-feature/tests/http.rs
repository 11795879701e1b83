//! The plugin on a real database, asked over HTTP.

use plugin_my_feature::plugin;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;
use watertight_host::{DevelopmentToken, RunningServer, Server};
use watertight_testing::TestDatabase;

const TOKEN: &str = "token-of-the-test";
const PATH: &str = "/api/my-feature/items";

/// The server is stopped before its database is dropped.
struct Site {
    server: RunningServer,
    _database: TestDatabase,
    agent: Agent,
}

impl Site {
    fn new() -> Self {
        let database = TestDatabase::new(vec![plugin().into_migrations()]);
        let server = Server::new(vec![plugin()]).authorizer(DevelopmentToken::new(TOKEN));
        let agent = Agent::config_builder().http_status_as_error(false);
        Self {
            server: server.spawn(database.url()).expect("the server starts"),
            _database: database,
            agent: agent.build().into(),
        }
    }

    /// Sends a request as somebody who may do everything; the status and the body of the answer.
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send_with(method, path, body, &format!("Bearer {TOKEN}"))
    }

    fn send_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        authorization: &str,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url()))
            .header("Authorization", authorization);
        let response = match body {
            None => self.agent.run(request.body(()).expect("a request")),
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent
                    .run(request.body(body.to_string()).expect("a request"))
            }
        };
        let mut response = response.expect("the server answers");
        let text = response.body_mut().read_to_string().expect("a text");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }
}

#[test]
fn a_row_is_created_seen_changed_and_deleted() {
    let site = Site::new();
    let (status, created) = site.send("POST", PATH, Some(&json!({ "name": "first" })));
    assert_eq!(status, 201, "{created}");
    let path = format!("{PATH}/{}", created["id"].as_str().expect("an id"));
    assert_eq!(site.send("GET", &path, None), (200, created));

    let change = json!({ "name": "second", "description": "changed" });
    let (status, changed) = site.send("PUT", &path, Some(&change));
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["name"], "second");
    assert_eq!(changed["description"], "changed");
    let (status, list) = site.send("GET", PATH, None);
    assert_eq!((status, &list["items"]), (200, &json!([changed])));

    assert_eq!(site.send("DELETE", &path, None).0, 204);
    for (method, body) in [("GET", None), ("PUT", Some(&change)), ("DELETE", None)] {
        let (status, problem) = site.send(method, &path, body);
        assert_eq!((status, &problem["status"]), (404, &json!(404)), "{method}");
    }
}

#[test]
fn a_list_comes_in_pages() {
    let site = Site::new();
    for number in 1..=3 {
        let body = json!({ "name": format!("number {number}") });
        assert_eq!(site.send("POST", PATH, Some(&body)).0, 201);
    }
    let page = |offset: u32| {
        let (status, list) = site.send("GET", &format!("{PATH}?limit=2&offset={offset}"), None);
        assert_eq!(status, 200, "{list}");
        let items = list["items"].as_array().expect("items");
        let names = items.iter().map(|item| item["name"].clone()).collect();
        (Value::Array(names), list["next_offset"].clone())
    };
    assert_eq!(page(0), (json!(["number 1", "number 2"]), json!(2)));
    assert_eq!(page(2), (json!(["number 3"]), Value::Null));
}

#[test]
fn what_cannot_be_taken_is_refused_by_name() {
    let site = Site::new();
    for (body, field) in [
        (json!({ "name": " " }), "name"),
        (json!({ "name": "x".repeat(201) }), "name"),
        (json!({ "name": "a", "description": "\0" }), "description"),
    ] {
        let (status, problem) = site.send("POST", PATH, Some(&body));
        assert_eq!((status, &problem["field"]), (422, &json!(field)));
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("offset=-1", "offset"),
    ] {
        let (status, problem) = site.send("GET", &format!("{PATH}?{query}"), None);
        assert_eq!((status, &problem["field"]), (422, &json!(field)));
    }
}

#[test]
fn everyone_may_read_and_nobody_may_write_unasked() {
    let site = Site::new();
    let body = json!({ "name": "first" });
    let id = "00000000-0000-0000-0000-000000000000";
    let one = format!("{PATH}/{id}");
    for (method, path, body, expected) in [
        ("GET", PATH, None, 200),
        ("GET", &*one, None, 404),
        ("POST", PATH, Some(&body), 401),
        ("PUT", &*one, Some(&body), 401),
        ("DELETE", &*one, None, 401),
    ] {
        let (status, problem) = site.send_with(method, path, body, "Bearer wrong");
        assert_eq!(status, expected, "{method} {path}: {problem}");
    }
}
