use axum::Extension;
use ureq::http::Request;
use ureq::http::request::Builder;
use watertight_host::{Access, Audience, Identity, Permission, Routes};

use crate::client::{Answer, Site, TOKEN, notes, send};

const EVERYONE: Permission = Permission::new("note.read", "").granted_to(Audience::Everyone);
const SIGNED_IN: Permission = Permission::new("note.list", "").granted_to(Audience::SignedIn);
const NOBODY: Permission = Permission::new("note.write", "");

async fn who(identity: Option<Extension<Identity>>) -> String {
    identity.map_or("nobody".to_owned(), |Extension(identity)| {
        identity.subject().to_owned()
    })
}

fn site() -> Site {
    let routes = Routes::new()
        .get("/public", Access::Public, who)
        .get("/everyone", EVERYONE, who)
        .get("/signed-in", SIGNED_IN, who)
        .get("/nobody", NOBODY, who);
    Site::new(vec![
        notes(routes).permissions(&[EVERYONE, SIGNED_IN, NOBODY]),
    ])
}

fn ask(site: &Site, route: &str, token: Option<&str>) -> Answer {
    let with_token = |request: Builder| match token {
        Some(token) => request.header("Authorization", format!("Bearer {token}")),
        None => request,
    };
    let request = Request::get(site.url(&format!("/api/notes/{route}")));
    send(with_token(request).body(()).unwrap())
}

#[test]
fn without_the_token_only_what_is_open_to_everyone_answers() {
    let site = site();
    for (route, without, with) in [
        ("public", Ok("nobody"), "nobody"),
        ("everyone", Ok("nobody"), "developer"),
        ("signed-in", Err("notes.note.list"), "developer"),
        ("nobody", Err("notes.note.write"), "developer"),
    ] {
        for token in [None, Some("wrong"), Some("")] {
            let answer = ask(&site, route, token);
            match without {
                Ok(who) => assert_eq!((answer.status, answer.text.as_str()), (200, who)),
                Err(permission) => {
                    assert_eq!(answer.status, 401);
                    assert_eq!(answer.header("www-authenticate"), "Bearer");
                    assert_eq!(answer.problem()["permission"], permission);
                }
            }
        }
        let answer = ask(&site, route, Some(TOKEN));
        assert_eq!((answer.status, answer.text.as_str()), (200, with));
    }
}

#[test]
fn head_needs_the_permission_of_get() {
    let site = site();
    let head = |route| {
        let request = Request::head(site.url(&format!("/api/notes/{route}")));
        send(request.body(()).unwrap()).status
    };
    assert_eq!(head("everyone"), 200);
    assert_eq!(head("nobody"), 401);
}

mod roles {
    use std::io;

    use axum::http::request::Parts;
    use watertight_host::{Authorizer, BoxError, Decision, RequiredPermission, Server};
    use watertight_testing::TestDatabase;

    use super::*;

    /// Everybody is whom they say they are; `ada` may write, and `eve` breaks it.
    struct Trusting;

    impl Authorizer for Trusting {
        async fn authorize(
            &self,
            request: &Parts,
            permission: RequiredPermission,
        ) -> Result<Decision, BoxError> {
            let user = request.headers.get("x-user").map(|user| user.to_str());
            let user = user.transpose()?;
            if user == Some("eve") {
                return Err(io::Error::other("the directory of users is down").into());
            }
            let granted = user == Some("ada") && permission.id().to_string() == "notes.note.write";
            Ok(permission.decide(user.map(Identity::new), granted))
        }
    }

    #[test]
    fn the_server_s_authorizer_decides_and_a_refusal_names_the_permission() {
        let routes = Routes::new()
            .get("/signed-in", SIGNED_IN, who)
            .get("/nobody", NOBODY, who);
        let plugin = notes(routes).permissions(&[SIGNED_IN, NOBODY]);
        let database = TestDatabase::new(vec![notes(Routes::new()).into_migrations()]);
        let server = Server::new(vec![plugin]).authorizer(Trusting);
        let server = server.spawn(database.url()).unwrap();
        let site = Site {
            server,
            _database: database,
        };
        let ask = |route: &str, user: &str| {
            let request = Request::get(site.url(&format!("/api/notes/{route}")));
            send(request.header("x-user", user).body(()).unwrap())
        };
        assert_eq!(ask("nobody", "ada").text, "ada");
        assert_eq!(ask("signed-in", "bob").text, "bob");
        let refused = ask("nobody", "bob");
        assert_eq!(refused.status, 403);
        insta::assert_snapshot!(refused.problem()["detail"].as_str().unwrap(), @"this needs the permission `notes.note.write`, which you do not have");
        let broken = ask("nobody", "eve");
        assert_eq!(broken.status, 500);
        assert!(!broken.problem().to_string().contains("directory"));
    }
}
