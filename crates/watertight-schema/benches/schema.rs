//! Measures parsing a large `schema.rs`, compared with syn, which does not parse the macros' arguments, and generating a
//! migration for a large plugin, compared with running its migrations.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use watertight_embedded::{Database, ScratchDatabase};
use watertight_schema::{DatabaseTables, GeneratedMigration, RenameAnswers, Schema};

const ROUNDS: usize = 7;
const SCHEMA: &str = "plugin_bench";

fn main() {
    parsing();
    generating();
}

fn best(mut measure: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| measure()).min().unwrap_or_default()
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

fn print(name: &str, time: Duration, peer: Duration) {
    let ratio = time.as_secs_f64() / peer.as_secs_f64();
    println!("{name:42} {:7.1} ms   {ratio:.2}", time.as_secs_f64() * 1e3);
}

fn parsing() {
    let columns = "id -> Uuid, name -> Text, note -> Nullable<Text>, #[max_length = 50] code -> Varchar, at -> Timestamptz,";
    let tables: Vec<_> = (0..300)
        .map(|number| format!("diesel::table! {{ {SCHEMA}.t{number} (id) {{ {columns} }} }}\n"))
        .collect();
    let source = tables.concat();
    let syn = best(|| time(|| syn_of_diesel::parse_file(&source).unwrap()));
    let watertight = best(|| time(|| Schema::from_rust(&source, SCHEMA, "schema.rs").unwrap()));
    println!("a schema.rs with 300 tables, best of {ROUNDS}:");
    print("syn, without the macros' arguments", syn, syn);
    print("Watertight", watertight, syn);
}

/// Returns 50 migrations of 40 tables.
fn migrations() -> Vec<String> {
    let tables = (0..40).map(|number| {
        let parent = if number == 0 { 0 } else { number - 1 };
        format!(
            "CREATE TABLE {SCHEMA}.t{number} (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(50) NOT NULL, \
             parent_id uuid REFERENCES {SCHEMA}.t{parent}, at timestamptz DEFAULT now() NOT NULL, \
             CHECK (name <> ''), UNIQUE (name)); CREATE INDEX ON {SCHEMA}.t{number} (at)"
        )
    });
    let columns =
        (0..10).map(|number| format!("ALTER TABLE {SCHEMA}.t{number} ADD COLUMN price numeric"));
    tables.chain(columns).collect()
}

fn generating() {
    let server = Database::find_here().unwrap();
    let mut replays = Vec::new();
    let watertight = best(|| {
        let scratch = ScratchDatabase::create(server.url(), "watertight_bench").unwrap();
        let mut connection = scratch.url().connect().unwrap();
        let start = Instant::now();
        connection
            .batch_execute(&format!("CREATE SCHEMA {SCHEMA}"))
            .unwrap();
        for migration in migrations() {
            connection.batch_execute(&migration).unwrap();
        }
        replays.push(start.elapsed());
        let tables = DatabaseTables::read(&mut connection, SCHEMA).unwrap();
        let source = tables.schema.to_rust().replacen(
            "name -> Varchar,",
            "name -> Varchar, title -> Nullable<Text>,",
            1,
        );
        let wanted = Schema::from_rust(&source, SCHEMA, "schema.rs").unwrap();
        time(|| {
            GeneratedMigration::generate(&mut connection, &wanted, &RenameAnswers::default())
                .unwrap()
                .unwrap()
        })
    });
    let replay = replays.into_iter().min().unwrap_or_default();
    println!("\na migration for a plugin with 40 tables and 50 migrations, best of {ROUNDS}:");
    print("PostgreSQL, running the 50 migrations", replay, replay);
    print(
        "Watertight, comparing, writing and verifying",
        watertight,
        replay,
    );
}
