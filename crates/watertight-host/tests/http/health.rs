use axum::extract::State;
use diesel::connection::SimpleConnection;
use serde_json::json;
use watertight_embedded::{EmbeddedServer, recreate_database};
use watertight_host::{Access, DatabaseUnavailable, Plugin, PluginDatabase, Routes, Server};
use watertight_metadata::PluginMetadata;
use watertight_migrations::Migrator;

use crate::client::{MIGRATIONS, TestServer, notes, send};

#[test]
fn readyz_returns_503_with_the_plugins_that_have_pending_migrations() {
    let other = Plugin::new(PluginMetadata::new("other"), MIGRATIONS);
    let server = TestServer::start(vec![notes(Routes::new()), other]);
    assert_eq!(server.get("/healthz").json(), json!({ "status": "ok" }));
    let response = server.get("/readyz");
    assert_eq!(response.status, 503);
    assert_eq!(
        response.problem()["plugins"],
        json!([{ "id": "other", "pending": 1 }])
    );
    let ready = TestServer::start(vec![notes(Routes::new())]);
    assert_eq!(ready.get("/readyz").json(), json!({ "status": "ready" }));
}

#[test]
fn a_server_serves_and_reverts_nothing_when_the_database_is_ahead_of_its_code() {
    if watertight_testing::serves_one_connection() {
        return;
    }
    let plugin = || notes(Routes::new().get("/", Access::Public, touch));
    let server = TestServer::start(vec![plugin()]);
    let connection = &mut server.database.connect();
    connection
        .batch_execute(
            "ALTER TABLE plugin_notes.notes ADD COLUMN later int; \
             INSERT INTO plugin_notes.__diesel_schema_migrations (version) VALUES ('9')",
        )
        .unwrap();
    // As `serve --migrate` does.
    let migrator = Migrator::new(vec![plugin().into_migrations()]).unwrap();
    let report = migrator.run(connection, &[]).unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(report.plugins[0].ahead, ["9"]);
    connection
        .batch_execute("SELECT later FROM plugin_notes.notes")
        .unwrap();
    let started_later = Server::new(vec![plugin()])
        .spawn(server.database.url())
        .unwrap();
    for url in [server.url(""), started_later.url().clone()] {
        for path in ["/readyz", "/api/notes"] {
            let request = ureq::http::Request::get(format!("{url}{path}"));
            assert_eq!(send(request.body(()).unwrap()).status, 200, "{path}");
        }
    }
}

async fn touch(State(database): State<PluginDatabase>) -> Result<(), DatabaseUnavailable> {
    database.connection().await.map(drop)
}

#[test]
fn a_server_recovers_when_the_database_server_restarts() {
    let workspace = tempfile::tempdir().unwrap();
    let lease = EmbeddedServer::acquire(workspace.path()).unwrap();
    let url = lease.url().clone();
    recreate_database(&url).unwrap();
    let plugin = || notes(Routes::new().get("/", Access::Public, touch));
    let migrator = Migrator::new(vec![plugin().into_migrations()]).unwrap();
    migrator.run(&mut url.connect().unwrap(), &[]).unwrap();
    let server = Server::new(vec![plugin()]).spawn(&url).unwrap();
    let get = |path: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut response = agent.get(format!("{}{path}", server.url())).call().unwrap();
        (
            response.status().as_u16(),
            response.body_mut().read_to_string().unwrap(),
        )
    };
    assert_eq!(get("/readyz").0, 200);
    assert_eq!(get("/api/notes").0, 200);

    drop(lease);
    EmbeddedServer::stop(workspace.path()).unwrap();
    let (status, body) = get("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("the database is unavailable"), "{body}");
    assert_eq!(get("/api/notes").0, 503);
    assert_eq!(get("/healthz").0, 200);

    let _lease = EmbeddedServer::acquire(workspace.path()).unwrap();
    assert_eq!(get("/readyz").0, 200);
    assert_eq!(get("/api/notes").0, 200);
}
