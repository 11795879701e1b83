//! What plugins that migrate at the same time do to each other.

use std::sync::{Arc, Mutex};

use watertight_migrations::{MigrationProgress, Outcome, RunReport};

use crate::delaying_proxy::DelayingProxy;
use crate::plugin_folders::{ONE, PluginFolders, applied};
use crate::rounds::rounds;
use crate::runner::run_at;
use crate::test_database::{TestDatabase, execute, query_one, skip_on_one_connection};

/// In each round, the plugins touch one shared object, in migrations that overlap.
const ROUNDS: usize = 2;

const EXTENSION: &str = "CREATE EXTENSION IF NOT EXISTS citext; CREATE TABLE PLUGIN.t (a citext)";
const FUNCTION: &str = "CREATE OR REPLACE FUNCTION public.watertight_test() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
                        CREATE TABLE PLUGIN.t (a int DEFAULT public.watertight_test())";
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS public.watertight_test (a int); CREATE TABLE PLUGIN.t (a int)";
const GRANT: &str = "GRANT USAGE ON SCHEMA public TO PUBLIC; CREATE TABLE PLUGIN.t (a int)";
const ROLE: &str = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'watertight_test_shared') \
                    THEN CREATE ROLE watertight_test_shared; END IF; END $$; CREATE TABLE PLUGIN.t (a int)";

fn plugins_with(sql: &str, count: usize) -> PluginFolders {
    let names: Vec<_> = (0..count).map(|number| format!("p{number}")).collect();
    let list: Vec<(&str, &[&str])> = names.iter().map(|name| (&name[..], &[] as &[_])).collect();
    let plugins = PluginFolders::new(&list);
    for name in &names {
        let sql = sql.replace("PLUGIN", &format!("plugin_{name}"));
        plugins.write(
            name,
            &[
                ("1_a/up.sql", "SELECT 1"),
                ("2_b/up.sql", &format!("{sql}; SELECT pg_sleep(0.1)")),
                ("3_c/up.sql", "SELECT 1"),
            ],
        );
    }
    plugins
}

fn at_second_attempt(report: &RunReport) -> Vec<String> {
    let applied = report.plugins.iter().flat_map(|plugin| {
        let again = plugin.applied.iter().filter(|it| it.at_second_attempt);
        again.map(|it| format!("{}/{}", plugin.plugin, it.name))
    });
    applied.collect()
}

#[test]
fn plugins_that_create_one_shared_object_at_the_same_time_are_all_applied() {
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let clean_up = "DROP SCHEMA IF EXISTS plugin_p0, plugin_p1, plugin_p2, plugin_p3 CASCADE; \
                    DROP EXTENSION IF EXISTS citext; DROP FUNCTION IF EXISTS public.watertight_test; \
                    DROP TABLE IF EXISTS public.watertight_test; DROP ROLE IF EXISTS watertight_test_shared";
    let mut again = 0;
    for round in 0..rounds(ROUNDS) {
        for sql in [EXTENSION, FUNCTION, TABLE, GRANT, ROLE] {
            let plugins = plugins_with(sql, [2, 4][round % 2]);
            let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
            let errors: Vec<_> = report.errors().map(|it| plugins.error_report(it)).collect();
            assert!(report.is_success(), "{sql}: {errors:?}");
            again += at_second_attempt(&report).len();
            execute(connection, "SET client_min_messages = warning");
            execute(connection, clean_up);
        }
    }
    assert!(again > 0);
}

#[test]
fn plugins_that_deadlock_on_tables_of_another_one_are_all_applied() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("base", &[]), ("a", &["base"]), ("b", &["base"])]);
    plugins.write(
        "base",
        &[(
            "1_a/up.sql",
            "CREATE TABLE plugin_base.x (id int PRIMARY KEY); CREATE TABLE plugin_base.y (id int PRIMARY KEY)",
        )],
    );
    for (name, first, second) in [("a", "x", "y"), ("b", "y", "x")] {
        let sql = format!(
            "SET LOCAL deadlock_timeout = '10ms'; \
             CREATE TABLE plugin_{name}.t1 (id int REFERENCES plugin_base.{first}); SELECT pg_sleep(0.2); \
             CREATE TABLE plugin_{name}.t2 (id int REFERENCES plugin_base.{second})"
        );
        plugins.write(name, &[("1_a/up.sql", &sql)]);
    }
    let database = TestDatabase::new();
    let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
    assert!(report.is_success(), "{report:?}");
}

#[test]
fn a_migration_is_applied_again_once_and_alone_and_its_dependents_wait() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("a", &[]), ("b", &[]), ("after", &["b"]), ("other", &[])]);
    let overlap = "SELECT pg_sleep(0.2)";
    plugins.write("a", &[("1_a/up.sql", overlap)]);
    plugins.write("other", &[("1_a/up.sql", overlap)]);
    plugins.write("after", &[("1_a/up.sql", "SELECT 1")]);
    let duplicate = |sql: &str| format!("{overlap}; {sql}; CREATE TABLE plugin_b.t (a int)");
    plugins.write(
        "b",
        &[("1_a/up.sql", &duplicate("CREATE TABLE plugin_b.t (a int)"))],
    );
    let database = TestDatabase::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let migrator = plugins.migrator().on_progress(move |event| {
        let line = match event {
            MigrationProgress::Started { plugin, .. } => format!("{plugin} starts"),
            MigrationProgress::Finished { plugin, .. } => format!("{plugin} is applied"),
            MigrationProgress::Failed { plugin, .. } => format!("{plugin} failed"),
            MigrationProgress::Postponed { plugin, error, .. } => {
                format!("{plugin} is postponed: {}", error.migration().unwrap())
            }
            _ => return,
        };
        log.lock().unwrap().push(line);
    });
    let report = migrator.run_on(database.database_url(), &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @r#"
    error: failed to apply migration 1_a of plugin `b`: relation "t" already exists
     --> b/1_a/up.sql:1
      |
    1 | SELECT pg_sleep(0.2); CREATE TABLE plugin_b.t (a int); CREATE TABLE plugin_b.t (a int)
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
    let events = events.lock().unwrap();
    let of_b = events.iter().filter(|event| event.starts_with("b "));
    assert_eq!(
        of_b.collect::<Vec<_>>(),
        [
            "b starts",
            "b failed",
            "b is postponed: 1_a",
            "b starts",
            "b failed"
        ]
    );
    assert_eq!(events[events.len() - 2..], ["b starts", "b failed"]);
    assert_eq!(applied(&report).len(), 2);
}

#[test]
fn a_migration_that_fails_while_nothing_else_runs_is_not_applied_again() {
    let plugins = PluginFolders::shop(&[(
        "1_a/up.sql",
        "CREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (a int)",
    )]);
    let database = TestDatabase::new();
    let failures = Arc::new(Mutex::new(0));
    let count = Arc::clone(&failures);
    let migrator = plugins.migrator().on_progress(move |event| {
        if matches!(event, MigrationProgress::Failed { .. }) {
            *count.lock().unwrap() += 1;
        }
    });
    let report = migrator.run_on(database.database_url(), &[]).unwrap();
    assert!(!report.is_success());
    assert_eq!(*failures.lock().unwrap(), 1);
}

#[test]
fn temporary_objects_do_not_reach_the_next_migration_on_a_connection() {
    let plugins = PluginFolders::new(&[("a", &[]), ("b", &[])]);
    for plugin in ["a", "b"] {
        plugins.write(
            plugin,
            &[
                ("1_a/up.sql", "CREATE TEMP TABLE staging (a int)"),
                ("2_b/up.sql", "CREATE TEMP TABLE staging (a int)"),
                ("3_c/up.sql", "CREATE TEMP TABLE staging (a int)"),
                ("3_c/metadata.toml", "run_in_transaction = false"),
            ],
        );
    }
    let database = TestDatabase::new();
    let migrator = plugins.migrator().jobs(ONE);
    let report = migrator.run_on(database.database_url(), &[]).unwrap();
    assert!(report.is_success(), "{report:?}");
}

#[test]
fn a_refused_schema_stops_its_plugin_alone() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("a", &[]), ("b", &[]), ("after", &["b"]), ("c", &["a"])]);
    for plugin in ["a", "b", "after", "c"] {
        plugins.write(plugin, &[("1_a/up.sql", "SELECT 1")]);
    }
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(
        connection,
        "CREATE FUNCTION public.watertight_test() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'plugin_b%') \
         THEN RAISE EXCEPTION 'no plugin_b'; END IF; END $$; \
         CREATE EVENT TRIGGER watertight_test ON ddl_command_end EXECUTE FUNCTION public.watertight_test()",
    );
    let migrator = plugins.migrator();
    for report in [
        run_at(&migrator, database.database_url()).unwrap(),
        migrator.run(connection, &[]).unwrap(),
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(plugins.error(&report), @"
            error: failed to create the schema and the history of plugin `b`: no plugin_b
            hint: see the log of the PostgreSQL server if this is not enough
            ");
        }
        let outcomes: Vec<_> = report
            .plugins
            .iter()
            .map(|plugin| match &plugin.outcome {
                Outcome::UpToDate => format!("{} is up to date", plugin.plugin),
                Outcome::Failed(_) => format!("{} failed", plugin.plugin),
                outcome => format!("{}: {outcome:?}", plugin.plugin),
            })
            .collect();
        assert_eq!(
            outcomes,
            [
                "a is up to date",
                "b failed",
                "after: Skipped(Dependency(PluginId(b)))",
                "c is up to date"
            ]
        );
    }
    execute(
        connection,
        "DROP EVENT TRIGGER watertight_test; DROP FUNCTION public.watertight_test",
    );
}

#[test]
fn connections_that_are_closed_while_they_wait_are_opened_again() {
    if skip_on_one_connection() {
        return;
    }
    let dependents = ["d0", "d1", "d2", "d3"];
    let mut list: Vec<(&str, &[&str])> = vec![("base", &[]), ("free", &[])];
    list.extend(dependents.map(|name| (name, &["base"] as &[_])));
    let plugins = PluginFolders::new(&list);
    let idle = "pg_stat_activity WHERE datname = current_database() AND application_name <> 'test' \
                AND state = 'idle'";
    plugins.write(
        "base",
        &[(
            "1_a/up.sql",
            &format!(
                "DO $$ BEGIN \
                 FOR i IN 1..500 LOOP PERFORM pg_stat_clear_snapshot(), pg_sleep(0.02); \
                 EXIT WHEN (SELECT count(*) FROM {idle}) = 3; END LOOP; \
                 CREATE TABLE plugin_base.closed AS SELECT count(pg_terminate_backend(pid)) FROM {idle}; \
                 FOR i IN 1..500 LOOP PERFORM pg_stat_clear_snapshot(), pg_sleep(0.02); \
                 EXIT WHEN (SELECT count(*) FROM {idle}) = 0; END LOOP; \
                 END $$"
            ),
        )],
    );
    for name in ["free", "d0", "d1", "d2", "d3"] {
        plugins.write(name, &[("1_a/up.sql", "SELECT pg_sleep(0.1)")]);
    }
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(connection, "SET application_name = 'test'");
    let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
    let errors: Vec<_> = report.errors().map(|it| plugins.error_report(it)).collect();
    assert!(report.is_success(), "{errors:?}");
    assert_eq!(report.fewer_connections, None);
    assert_eq!(
        query_one(connection, "SELECT count FROM plugin_base.closed"),
        "3"
    );
}

#[test]
fn a_connection_that_times_out_while_a_message_is_on_its_way_is_opened_again() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[
        ("base", &[]),
        ("free", &[]),
        ("d0", &["base"]),
        ("d1", &["base"]),
    ]);
    // PostgreSQL closes the other connection while the answer is on its way to the client, which then sends a message
    // before it receives the end of that connection.
    plugins.write("base", &[("1_a/up.sql", "SELECT pg_sleep(0.4)")]);
    for name in ["free", "d0", "d1"] {
        plugins.write(name, &[("1_a/up.sql", "SELECT 1")]);
    }
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let version = "SELECT current_setting('server_version_num')::int >= 140000";
    if query_one(connection, version) == "false" {
        eprintln!("skipped: PostgreSQL 13 has no idle_session_timeout");
        return;
    }
    let name = database.database_url().database_name();
    let alter = format!("ALTER DATABASE \"{name}\"");
    execute(
        connection,
        &format!("{alter} SET idle_session_timeout = '300ms'"),
    );
    let proxy = DelayingProxy::start(database.database_url());
    let report = run_at(&plugins.migrator(), proxy.url()).unwrap();
    execute(connection, &format!("{alter} RESET idle_session_timeout"));
    let errors: Vec<_> = report.errors().map(|it| plugins.error_report(it)).collect();
    assert!(report.is_success(), "{errors:?}");
    assert_eq!(proxy.connections(), 3, "one of the two was opened again");
}
