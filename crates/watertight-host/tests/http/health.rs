use axum::extract::State;
use serde_json::json;
use watertight_embedded::{EmbeddedServer, recreate_database};
use watertight_host::{Access, DatabaseUnavailable, Plugin, PluginDatabase, Routes, Server};
use watertight_metadata::PluginMetadata;
use watertight_migrations::Migrator;

use crate::client::{MIGRATIONS, Site, notes};

#[test]
fn a_server_is_not_ready_while_migrations_are_pending_and_names_the_plugins() {
    let other = Plugin::new(PluginMetadata::new("other"), MIGRATIONS);
    let site = Site::new(vec![notes(Routes::new()), other]);
    assert_eq!(site.get("/healthz").json(), json!({ "status": "ok" }));
    let answer = site.get("/readyz");
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.problem()["plugins"],
        json!([{ "id": "other", "pending": 1 }])
    );
    let ready = Site::new(vec![notes(Routes::new())]);
    assert_eq!(ready.get("/readyz").json(), json!({ "status": "ready" }));
}

async fn touch(State(database): State<PluginDatabase>) -> Result<(), DatabaseUnavailable> {
    database.connection().await.map(drop)
}

#[test]
fn a_server_outlives_its_database_and_is_ready_again_when_that_is_back() {
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
        let mut answer = agent.get(format!("{}{path}", server.url())).call().unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    };
    assert_eq!(get("/readyz").0, 200);
    assert_eq!(get("/api/notes").0, 200);

    drop(lease);
    EmbeddedServer::stop(workspace.path()).unwrap();
    let (status, body) = get("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("the database does not answer"), "{body}");
    assert_eq!(get("/api/notes").0, 503);
    assert_eq!(get("/healthz").0, 200);

    let _lease = EmbeddedServer::acquire(workspace.path()).unwrap();
    assert_eq!(get("/readyz").0, 200);
    assert_eq!(get("/api/notes").0, 200);
}
