use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::extract::State;
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use watertight_host::{Access, DatabaseUnavailable, Plugin, PluginDatabase, Problem, Routes};
use watertight_metadata::PluginMetadata;

use crate::client::{MIGRATIONS, Site, notes};

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    answer: String,
}

async fn ask(database: &PluginDatabase, sql: &str) -> Result<String, Problem> {
    let mut connection = database.connection().await?;
    let answer = sql_query(sql).get_result::<Answer>(&mut connection).await;
    Ok(answer.map_err(|error| Problem::internal(&error))?.answer)
}

const SETTINGS: &str = "SELECT concat_ws(' ', current_setting('search_path'), current_setting('role'), \
     current_setting('TimeZone'), current_setting('app.user', true)) AS answer";

fn routes() -> Routes {
    Routes::new()
        .get("/settings", Access::Public, async |State(database): State<PluginDatabase>| {
            ask(&database, SETTINGS).await
        })
        .get("/change", Access::Public, async |State(database): State<PluginDatabase>| {
            let change = "SELECT set_config('search_path', 'elsewhere', false) || set_config('role', current_user, false) \
                 || set_config('TimeZone', 'Asia/Tokyo', false) || set_config('app.user', 'ada', false) AS answer";
            ask(&database, change).await
        })
        .get("/application", Access::Public, async |State(database): State<PluginDatabase>| {
            ask(&database, "SELECT current_setting('application_name') AS answer").await
        })
}

#[test]
fn what_a_plugin_sets_on_a_connection_never_meets_another_plugin() {
    let other = Plugin::new(PluginMetadata::new("other"), MIGRATIONS).routes(routes());
    let site = Site::new(vec![notes(routes()), other]);
    // A setting that somebody made up cannot be removed; where the connection is shared, it is empty afterwards.
    let settings = || site.get("/api/other/settings").text.trim_end().to_owned();
    let before = settings();
    for _ in 0..10 {
        assert_eq!(site.get("/api/notes/change").status, 200);
        assert_eq!(settings(), before);
    }
    if watertight_testing::serves_one_connection() {
        return;
    }
    assert_eq!(site.get("/api/notes/application").text, "plugin_notes");
    assert_eq!(site.get("/api/other/application").text, "plugin_other");
}

#[test]
fn a_request_that_is_cancelled_in_a_transaction_leaves_none_open() {
    let routes = Routes::new()
        .get("/hang", Access::Public, async |State(database): State<PluginDatabase>| {
            let mut connection = database.connection().await?;
            let hung = connection.transaction(async |connection| {
                connection.batch_execute("INSERT INTO plugin_notes.notes VALUES ('never')").await?;
                // The client goes away now, and with it this handler.
                std::future::pending::<()>().await;
                Ok::<_, diesel::result::Error>(())
            });
            hung.await.map_err(|error| Problem::internal(&error))
        })
        .get("/left", Access::Public, async |State(database): State<PluginDatabase>| {
            let sql = "SELECT ((SELECT count(*) FROM plugin_notes.notes) + count(*))::text AS answer FROM pg_stat_activity \
                 WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            ask(&database, sql).await
        });
    let site = Site::new(vec![notes(routes)]);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(500)))
        .build()
        .into();
    for _ in 0..3 {
        let hung = agent.get(site.url("/api/notes/hang")).call();
        assert!(matches!(hung, Err(ureq::Error::Timeout(_))));
    }
    // PostgreSQL may need a moment to see that a connection is closed.
    let is_clean = || site.get("/api/notes/left").text == "0";
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_clean() {
        assert!(Instant::now() < deadline, "a transaction is still open");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_request_that_gets_no_connection_is_told_to_come_again() {
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
    let site = Site::new(vec![notes(routes)]);
    let answer = site.get("/api/notes/greedy");
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.problem()["detail"],
        "the database is not available; try again later"
    );
}
