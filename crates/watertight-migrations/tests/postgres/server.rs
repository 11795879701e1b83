//! One PostgreSQL for this test binary, and a database of its own for each test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl, sql_query};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

pub type Connection = AsyncConnectionWrapper<AsyncPgConnection>;

/// The shell stops the server and removes the folder when the test binary ends, however it ends: then its standard
/// input does.
const SUPERVISE: &str = r#"
initdb -D data -A trust -U postgres --no-sync >initdb.log &&
pg_ctl -D data -l log -w -o "-c listen_addresses='' -k '$PWD' -F -c max_connections=60" start >start.log &&
echo ready
cat >/dev/null
pg_ctl -D data -m immediate stop >/dev/null
rm -rf data *.log log
"#;

struct Server {
    folder: String,
    _supervisor: Child,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let folder = tempfile::Builder::new()
            .prefix("watertight-")
            .tempdir()
            .unwrap()
            .keep();
        let mut shell = Command::new("sh");
        if let Some((user, group)) = unprivileged_user() {
            chown(&folder, Some(user), Some(group)).unwrap();
            shell.uid(user).gid(group);
        }
        // A process group of its own: Ctrl-C at the tests must not reach the server first.
        shell
            .args(["-c", SUPERVISE])
            .current_dir(&folder)
            .process_group(0);
        let mut supervisor = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(
            line,
            "ready\n",
            "PostgreSQL did not start in {}",
            folder.display()
        );
        Server {
            folder: folder.display().to_string(),
            _supervisor: supervisor,
        }
    })
}

/// PostgreSQL refuses to run as root.
fn unprivileged_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

/// A database of one test. The server goes with the test binary, so nobody drops it.
pub struct Database {
    url: String,
}

impl Database {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = &server().folder;
        let url = |name| format!("host={folder} user=postgres dbname={name}");
        let mut connection = Connection::establish(&url("postgres")).unwrap();
        execute(&mut connection, &format!("CREATE DATABASE {name}"));
        Self { url: url(&name) }
    }

    /// The database that a parent process uses.
    pub fn at(url: String) -> Self {
        Self { url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn connect(&self) -> Connection {
        Connection::establish(&self.url).unwrap()
    }

    pub fn connect_as(&self, role: &str) -> Connection {
        Connection::establish(&self.url.replace("user=postgres", &format!("user={role}"))).unwrap()
    }
}

pub fn execute(connection: &mut Connection, sql: &str) {
    connection.batch_execute(sql).unwrap();
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The values of a query with one column of text.
pub fn texts(connection: &mut Connection, sql: &str) -> Vec<String> {
    let rows: Vec<Row> = sql_query(format!(
        "SELECT value::text AS value FROM ({sql}) AS q (value)"
    ))
    .load(connection)
    .unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

pub fn text(connection: &mut Connection, sql: &str) -> String {
    texts(connection, sql).join("\n")
}

/// The versions in a plugin's history, oldest first.
pub fn history(connection: &mut Connection, schema: &str) -> Vec<String> {
    texts(
        connection,
        &format!("SELECT version FROM {schema}.__diesel_schema_migrations ORDER BY version"),
    )
}

pub fn exists(connection: &mut Connection, relation: &str) -> bool {
    text(
        connection,
        &format!("SELECT to_regclass('{relation}') IS NOT NULL"),
    ) == "true"
}

/// Writes files below a folder.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
