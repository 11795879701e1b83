use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Request;
use watertight_host::{Access, Routes};

use crate::client::{Answer, Site, notes, send};

#[derive(Deserialize)]
struct Note {
    text: String,
}

#[derive(Deserialize)]
struct Page {
    limit: u8,
}

fn site() -> Site {
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
    Site::new(vec![notes(routes)])
}

async fn panic() -> StatusCode {
    assert!(std::hint::black_box(false), "a secret in a panic");
    StatusCode::OK
}

fn post(site: &Site, kind: &str, body: &str) -> Answer {
    let request = Request::post(site.url("/api/notes/notes")).header("Content-Type", kind);
    send(request.body(body).unwrap())
}

#[test]
fn every_refusal_of_axum_is_a_problem_that_says_why() {
    let site = site();
    let json = "application/json";
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    for (answer, status, detail) in [
        (site.get("/nothing"), 404, "there is nothing at /nothing"),
        (
            site.get("/api/notes"),
            404,
            "there is nothing at /api/notes",
        ),
        (
            site.get("/api/other/notes"),
            404,
            "there is nothing at /api/other/notes",
        ),
        (
            site.get("/api/notes/notes/x"),
            400,
            "Invalid URL: Cannot parse `x` to a `u8`",
        ),
        (
            site.get("/api/notes/notes?limit=x"),
            400,
            "Failed to deserialize query string: limit: invalid digit found in string",
        ),
        (
            post(&site, "text/plain", "{}"),
            415,
            "Expected request with `Content-Type: application/json`",
        ),
        (
            post(&site, json, "{"),
            400,
            "Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            post(&site, json, "{}"),
            422,
            "Failed to deserialize the JSON body into the target type: missing field `text` at line 1 column 2",
        ),
        (
            post(&site, json, &long),
            413,
            "Failed to buffer the request body: length limit exceeded",
        ),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.problem()["detail"], detail);
    }
}

#[test]
fn a_wrong_method_is_a_problem_and_says_which_are_right() {
    let site = site();
    let request = Request::delete(site.url("/api/notes/notes"))
        .body(())
        .unwrap();
    let answer = send(request);
    assert_eq!(answer.problem()["title"], "Method Not Allowed");
    let mut allowed: Vec<_> = answer.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[test]
fn what_went_wrong_inside_is_not_told() {
    let site = site();
    for (path, status) in [("secret", 502), ("panic", 500)] {
        let answer = site.get(&format!("/api/notes/{path}"));
        assert_eq!(answer.status, status);
        assert_eq!(answer.problem()["detail"], Value::Null);
    }
    // And the server goes on.
    assert_eq!(site.get("/api/notes/notes?limit=7").text, "7");
}

#[test]
fn a_handler_may_return_a_bare_status_or_an_error_body_of_its_own() {
    let site = site();
    assert_eq!(site.get("/api/notes/empty").problem()["title"], "Conflict");
    assert_eq!(site.get("/api/notes/own").json(), json!({ "mine": true }));
}

#[test]
fn every_answer_has_a_request_id_and_keeps_the_one_that_came() {
    let site = site();
    assert_eq!(site.get("/nothing").header("x-request-id").len(), 36);
    let request = Request::get(site.url("/api/notes/panic")).header("x-request-id", "mine");
    assert_eq!(
        send(request.body(()).unwrap()).header("x-request-id"),
        "mine"
    );
}
