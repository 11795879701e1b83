use std::process::{Child, Command};

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use watertight_testing::TestDatabase;

use crate::test_workspace::{Outcome, TestWorkspace};

/// A workspace with the plugin `auth` and the plugin `shop`, which depends on it, and an empty database.
pub struct Shop {
    pub workspace: TestWorkspace,
    pub database: TestDatabase,
}

/// Returns whether the database is a PGlite, which serves one connection. A test that needs a second one is skipped.
pub fn has_one_connection() -> bool {
    let one = watertight_testing::serves_one_connection();
    if one {
        eprintln!("skipped: a PGlite serves one connection");
    }
    one
}

impl Shop {
    pub fn new() -> Self {
        let shop = Self {
            workspace: TestWorkspace::new(),
            database: TestDatabase::new(vec![]),
        };
        shop.workspace.write_plugin("auth", "auth", "plugin-auth");
        shop.workspace.write_plugin("shop", "shop", "plugin-shop");
        shop.workspace.replace(
            "plugins/shop/src/plugin_metadata.rs",
            "\"shop\")",
            "\"shop\").depends_on(&[\"auth\"])",
        );
        shop.migration(
            "auth",
            "1_users",
            r#"CREATE TABLE "plugin_auth"."users" (id int);"#,
        );
        shop.migration(
            "shop",
            "1_items",
            r#"CREATE TABLE "plugin_shop"."items" (id int);"#,
        );
        shop
    }

    /// Writes a migration. Its down.sql drops the table in the migration's name.
    pub fn migration(&self, plugin: &str, name: &str, up: &str) {
        let folder = format!("plugins/{plugin}/migrations/{name}");
        let table = name.split_once('_').unwrap().1;
        self.workspace.write(&format!("{folder}/up.sql"), up);
        self.workspace.write(
            &format!("{folder}/down.sql"),
            &format!("DROP TABLE \"plugin_{plugin}\".\"{table}\";"),
        );
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.command(arguments);
        command.env("DATABASE_URL", self.database.url().expose_secret());
        command
    }

    /// Returns a command that runs on a terminal, which `script` provides.
    pub fn command_on_terminal(&self, arguments: &[&str]) -> Command {
        let command = self.command(arguments);
        let words = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
        let mut terminal = Command::new("script");
        terminal
            .args(["-qefc", &words.join(" "), "/dev/null"])
            .current_dir(self.workspace.root())
            .env_remove("CARGO_MANIFEST_DIR")
            .env("DATABASE_URL", self.database.url().expose_secret());
        terminal
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::new(self.command(arguments).output().unwrap())
    }

    /// Runs `migrate`, which must fail, and returns the error and the report.
    #[track_caller]
    pub fn failure(&self) -> String {
        let ran = self.run(&["migrate"]);
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        let error: Vec<&str> = ran
            .stderr
            .lines()
            .filter(|line| !line.contains(" applied in ") && !line.ends_with(" failed"))
            .collect();
        format!("{}\n---\n{}", error.join("\n"), ran.stdout)
    }

    pub fn count(&self, query: &str) -> i64 {
        sql::<BigInt>(query)
            .get_result(&mut self.database.connect())
            .unwrap()
    }

    pub fn sleeping(&self) -> i64 {
        self.count(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
        )
    }

    /// Waits until a command runs a migration that sleeps.
    pub fn wait_until_it_sleeps(&self, run: &mut Child) {
        if self.database.url().serves_one_connection() {
            // There is no connection to look with. By then the command has read the state.
            std::thread::sleep(std::time::Duration::from_secs(4));
            assert!(run.try_wait().unwrap().is_none(), "it ended too early");
            return;
        }
        while self.sleeping() == 0 {
            assert!(run.try_wait().unwrap().is_none(), "it ended too early");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn tables(&self) -> i64 {
        self.count("SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'plugin%'")
    }
}

/// The SQL of the table of [`Shop::with_items`].
pub const ITEMS_UP: &str = r#"CREATE TABLE "plugin_shop"."items" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "name" text NOT NULL
);
"#;

pub const SCHEMA_FILE: &str = "plugins/shop/src/schema.rs";

impl Shop {
    /// Creates a shop with a table that Diesel can use, and its schema.rs.
    pub fn with_items() -> Self {
        let shop = Self::new();
        shop.migration("shop", "1_items", ITEMS_UP);
        shop.write_schema(&["id -> Uuid", "name -> Text"]);
        shop
    }

    /// Writes a schema.rs with the table `items` and these columns.
    pub fn write_schema(&self, columns: &[&str]) {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| format!("            {column},\n"))
            .collect();
        let source = format!(
            "// @generated automatically by Diesel CLI.\n\npub mod plugin_shop {{\n    diesel::table! {{\n        \
             plugin_shop.items (id) {{\n{}        }}\n    }}\n}}\n",
            columns.concat()
        );
        self.workspace.write(SCHEMA_FILE, &source);
    }
}
