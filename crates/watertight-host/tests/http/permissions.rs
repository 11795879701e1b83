use axum::Extension;
use ureq::http::Request;
use ureq::http::request::Builder;
use watertight_host::{Access, Audience, Identity, Permission, Routes};

use crate::client::{Received, TOKEN, TestServer, notes, send};

const EVERYONE: Permission = Permission::new("note.read", "").granted_to(Audience::Everyone);
const SIGNED_IN: Permission = Permission::new("note.list", "").granted_to(Audience::SignedIn);
const NOBODY: Permission = Permission::new("note.write", "");

async fn user(identity: Option<Extension<Identity>>) -> String {
    identity.map_or("nobody".to_owned(), |Extension(identity)| {
        identity.subject().to_owned()
    })
}

fn start() -> TestServer {
    let routes = Routes::new()
        .get("/public", Access::Public, user)
        .get("/everyone", EVERYONE, user)
        .get("/signed-in", SIGNED_IN, user)
        .get("/nobody", NOBODY, user);
    TestServer::start(vec![
        notes(routes).permissions(&[EVERYONE, SIGNED_IN, NOBODY]),
    ])
}

fn get(server: &TestServer, route: &str, token: Option<&str>) -> Received {
    let with_token = |request: Builder| match token {
        Some(token) => request.header("Authorization", format!("Bearer {token}")),
        None => request,
    };
    let request = Request::get(server.url(&format!("/api/notes/{route}")));
    send(with_token(request).body(()).unwrap())
}

#[test]
fn requests_without_the_token_have_only_the_permissions_of_everyone() {
    let server = start();
    for (route, without, with) in [
        ("public", Ok("nobody"), "nobody"),
        ("everyone", Ok("nobody"), "developer"),
        ("signed-in", Err("notes.note.list"), "developer"),
        ("nobody", Err("notes.note.write"), "developer"),
    ] {
        for token in [None, Some("wrong"), Some("")] {
            let response = get(&server, route, token);
            match without {
                Ok(user) => assert_eq!((response.status, response.body.as_str()), (200, user)),
                Err(permission) => {
                    assert_eq!(response.status, 401);
                    assert_eq!(response.header("www-authenticate"), "Bearer");
                    assert_eq!(response.problem()["permission"], permission);
                }
            }
        }
        let response = get(&server, route, Some(TOKEN));
        assert_eq!((response.status, response.body.as_str()), (200, with));
    }
}

#[test]
fn head_needs_the_same_permission_as_get() {
    let server = start();
    let head = |route| {
        let request = Request::head(server.url(&format!("/api/notes/{route}")));
        send(request.body(()).unwrap()).status
    };
    assert_eq!(head("everyone"), 200);
    assert_eq!(head("nobody"), 401);
}

mod custom_authorizer {
    use std::io;

    use axum::http::request::Parts;
    use watertight_host::{Authorizer, BoxError, Decision, RequiredPermission, Server};
    use watertight_testing::TestDatabase;

    use super::*;

    /// Trusts the header `x-user`. `ada` is granted `note.write`; `eve` causes an error.
    struct TrustingAuthorizer;

    impl Authorizer for TrustingAuthorizer {
        async fn authorize(
            &self,
            request: &Parts,
            permission: RequiredPermission,
        ) -> Result<Decision, BoxError> {
            let user = request.headers.get("x-user").map(|user| user.to_str());
            let user = user.transpose()?;
            if user == Some("eve") {
                return Err(io::Error::other("the user directory is down").into());
            }
            let granted = user == Some("ada") && permission.id().to_string() == "notes.note.write";
            Ok(permission.decide(user.map(Identity::new), granted))
        }
    }

    #[test]
    fn the_authorizer_decides_and_a_refusal_names_the_permission() {
        let routes = Routes::new()
            .get("/signed-in", SIGNED_IN, user)
            .get("/nobody", NOBODY, user);
        let plugin = notes(routes).permissions(&[SIGNED_IN, NOBODY]);
        let database = TestDatabase::new(vec![notes(Routes::new()).into_migrations()]);
        let server = Server::new(vec![plugin]).authorizer(TrustingAuthorizer);
        let server = server.spawn(database.url()).unwrap();
        let server = TestServer { server, database };
        let get = |route: &str, user: &str| {
            let request = Request::get(server.url(&format!("/api/notes/{route}")));
            send(request.header("x-user", user).body(()).unwrap())
        };
        assert_eq!(get("nobody", "ada").body, "ada");
        assert_eq!(get("signed-in", "bob").body, "bob");
        let refused = get("nobody", "bob");
        assert_eq!(refused.status, 403);
        insta::assert_snapshot!(refused.problem()["detail"].as_str().unwrap(), @"you do not have the permission `notes.note.write`");
        let broken = get("nobody", "eve");
        assert_eq!(broken.status, 500);
        assert!(!broken.problem().to_string().contains("directory"));
    }
}
