use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Request;
use watertight_host::{Access, Routes};

use crate::client::{Received, TestServer, notes, send};

#[derive(Deserialize)]
struct Note {
    text: String,
}

#[derive(Deserialize)]
struct Page {
    limit: u8,
}

fn start() -> TestServer {
    let routes = Routes::new()
        .post("/notes", Access::Public, async |Json(note): Json<Note>| {
            note.text
        })
        .get(
            "/notes",
            Access::Public,
            async |Query(page): Query<Page>| page.limit.to_string(),
        )
        .get("/notes/{id}", Access::Public, async |Path(id): Path<u8>| {
            id.to_string()
        })
        .get("/empty", Access::Public, async || StatusCode::CONFLICT)
        .get("/secret", Access::Public, async || {
            (StatusCode::BAD_GATEWAY, "the password is 1234")
        })
        .get("/own", Access::Public, async || {
            (StatusCode::BAD_REQUEST, Json(json!({ "mine": true })))
        })
        .get("/panic", Access::Public, panic);
    TestServer::start(vec![notes(routes)])
}

async fn panic() -> StatusCode {
    assert!(std::hint::black_box(false), "a secret in a panic");
    StatusCode::OK
}

fn post(server: &TestServer, content_type: &str, body: &str) -> Received {
    let request =
        Request::post(server.url("/api/notes/notes")).header("Content-Type", content_type);
    send(request.body(body).unwrap())
}

#[test]
fn rejections_of_axum_are_problems_with_a_detail() {
    let server = start();
    let json = "application/json";
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    for (response, status, detail) in [
        (server.get("/nothing"), 404, "no route matches /nothing"),
        (server.get("/api/notes"), 404, "no route matches /api/notes"),
        (
            server.get("/api/other/notes"),
            404,
            "no route matches /api/other/notes",
        ),
        (
            server.get("/api/notes/notes/x"),
            400,
            "Invalid URL: Cannot parse `x` to a `u8`",
        ),
        (
            server.get("/api/notes/notes?limit=x"),
            400,
            "Failed to deserialize query string: limit: invalid digit found in string",
        ),
        (
            post(&server, "text/plain", "{}"),
            415,
            "Expected request with `Content-Type: application/json`",
        ),
        (
            post(&server, json, "{"),
            400,
            "Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            post(&server, json, "{}"),
            422,
            "Failed to deserialize the JSON body into the target type: missing field `text` at line 1 column 2",
        ),
        (
            post(&server, json, &long),
            413,
            "Failed to buffer the request body: length limit exceeded",
        ),
    ] {
        assert_eq!(response.status, status, "{}", response.body);
        assert_eq!(response.problem()["detail"], detail);
    }
}

#[test]
fn an_unsupported_method_is_a_problem_with_an_allow_header() {
    let server = start();
    let request = Request::delete(server.url("/api/notes/notes"))
        .body(())
        .unwrap();
    let response = send(request);
    assert_eq!(response.problem()["title"], "Method Not Allowed");
    let mut allowed: Vec<_> = response.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[test]
fn server_errors_do_not_disclose_their_cause() {
    let server = start();
    for (path, status) in [("secret", 502), ("panic", 500)] {
        let response = server.get(&format!("/api/notes/{path}"));
        assert_eq!(response.status, status);
        assert_eq!(response.problem()["detail"], Value::Null);
    }
    // The server still works.
    assert_eq!(server.get("/api/notes/notes?limit=7").body, "7");
}

#[test]
fn a_handler_can_return_a_status_or_its_own_error_body() {
    let server = start();
    assert_eq!(
        server.get("/api/notes/empty").problem()["title"],
        "Conflict"
    );
    assert_eq!(server.get("/api/notes/own").json(), json!({ "mine": true }));
}

#[test]
fn every_response_has_the_request_id_of_its_request_or_a_new_one() {
    let server = start();
    assert_eq!(server.get("/nothing").header("x-request-id").len(), 36);
    let request = Request::get(server.url("/api/notes/panic")).header("x-request-id", "mine");
    assert_eq!(
        send(request.body(()).unwrap()).header("x-request-id"),
        "mine"
    );
}
