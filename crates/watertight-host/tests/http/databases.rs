use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::extract::State;
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use watertight_host::{Access, DatabaseUnavailable, Plugin, PluginDatabase, Problem, Routes};
use watertight_metadata::PluginMetadata;

use crate::client::{MIGRATIONS, TestServer, notes};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn query(database: &PluginDatabase, sql: &str) -> Result<String, Problem> {
    let mut connection = database.connection().await?;
    let row = sql_query(sql).get_result::<Row>(&mut connection).await;
    Ok(row.map_err(|error| Problem::internal(&error))?.value)
}

const SETTINGS: &str = "SELECT concat_ws(' ', current_setting('search_path'), current_setting('role'), \
     current_setting('TimeZone'), current_setting('app.user', true)) AS value";

fn routes() -> Routes {
    Routes::new()
        .get("/settings", Access::Public, async |State(database): State<PluginDatabase>| {
            query(&database, SETTINGS).await
        })
        .get("/change", Access::Public, async |State(database): State<PluginDatabase>| {
            let change = "SELECT set_config('search_path', 'elsewhere', false) || set_config('role', current_user, false) \
                 || set_config('TimeZone', 'Asia/Tokyo', false) || set_config('app.user', 'ada', false) AS value";
            query(&database, change).await
        })
        .get("/application", Access::Public, async |State(database): State<PluginDatabase>| {
            query(&database, "SELECT current_setting('application_name') AS value").await
        })
}

#[test]
fn session_settings_of_a_plugin_do_not_affect_another_plugin() {
    let other = Plugin::new(PluginMetadata::new("other"), MIGRATIONS).routes(routes());
    let server = TestServer::start(vec![notes(routes()), other]);
    // PostgreSQL cannot remove a custom setting: on a shared connection, RESET ALL leaves it empty.
    let settings = || server.get("/api/other/settings").body.trim_end().to_owned();
    let before = settings();
    for _ in 0..10 {
        assert_eq!(server.get("/api/notes/change").status, 200);
        assert_eq!(settings(), before);
    }
    if watertight_testing::serves_one_connection() {
        return;
    }
    assert_eq!(server.get("/api/notes/application").body, "plugin_notes");
    assert_eq!(server.get("/api/other/application").body, "plugin_other");
}

#[test]
fn a_cancelled_request_leaves_no_open_transaction() {
    let routes = Routes::new()
        .get("/hang", Access::Public, async |State(database): State<PluginDatabase>| {
            let mut connection = database.connection().await?;
            let hung = connection.transaction(async |connection| {
                connection.batch_execute("INSERT INTO plugin_notes.notes VALUES ('never')").await?;
                // The client disconnects now, which drops this future.
                std::future::pending::<()>().await;
                Ok::<_, diesel::result::Error>(())
            });
            hung.await.map_err(|error| Problem::internal(&error))
        })
        .get("/open", Access::Public, async |State(database): State<PluginDatabase>| {
            let sql = "SELECT ((SELECT count(*) FROM plugin_notes.notes) + count(*))::text AS value FROM pg_stat_activity \
                 WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            query(&database, sql).await
        });
    let server = TestServer::start(vec![notes(routes)]);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(500)))
        .build()
        .into();
    for _ in 0..3 {
        let hung = agent.get(server.url("/api/notes/hang")).call();
        assert!(matches!(hung, Err(ureq::Error::Timeout(_))));
    }
    // PostgreSQL may notice a closed connection late.
    let is_clean = || server.get("/api/notes/open").body == "0";
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_clean() {
        assert!(Instant::now() < deadline, "a transaction is still open");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_request_without_a_free_connection_gets_503() {
    let routes = Routes::new().get(
        "/greedy",
        Access::Public,
        async |State(database): State<PluginDatabase>| {
            let mut all = Vec::new();
            for _ in 0..6 {
                all.push(database.connection().await?);
            }
            Ok::<_, DatabaseUnavailable>(())
        },
    );
    let server = TestServer::start(vec![notes(routes)]);
    let response = server.get("/api/notes/greedy");
    assert_eq!(response.status, 503);
    assert_eq!(
        response.problem()["detail"],
        "the database is unavailable; try again later"
    );
}
