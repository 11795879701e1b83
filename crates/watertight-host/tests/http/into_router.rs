use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use ureq::http::Request;
use watertight_host::{Access, Permission, Routes, Server};
use watertight_testing::TestDatabase;

use crate::client::{notes, send};

const WRITE: Permission = Permission::new("note.write", "");

#[test]
fn plugins_can_be_merged_into_a_router_with_routes_and_a_fallback() {
    let routes = Routes::new()
        .get("/open", Access::Public, async || "open")
        .get("/closed", WRITE, async || "closed");
    let plugin = notes(routes).permissions(&[WRITE]);
    let database = TestDatabase::new(vec![notes(Routes::new()).into_migrations()]);
    let runtime = Runtime::new().unwrap();
    let address = runtime.block_on(async {
        let plugins = Server::new(vec![plugin]);
        let plugins = plugins.into_router(database.url()).await.unwrap();
        let app = Router::new()
            .route("/", get(async || "home"))
            .fallback(async || "fallback")
            .merge(plugins);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        address
    });
    let get = |path: &str| {
        send(
            Request::get(format!("http://{address}{path}"))
                .body(())
                .unwrap(),
        )
    };
    assert_eq!(get("/").body, "home");
    assert_eq!(get("/elsewhere").body, "fallback");
    assert_eq!(get("/readyz").status, 200);
    assert_eq!(get("/api/notes/open").body, "open");
    assert_eq!(get("/api/notes/closed").problem()["status"], 401);
}
