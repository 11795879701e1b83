//! The embedded server, on the machine's PostgreSQL.

use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use watertight_database::EmbeddedServer;

#[test]
fn a_workspace_gets_a_server_of_its_own() {
    let workspace = tempfile::tempdir().unwrap();
    let server = EmbeddedServer::acquire(workspace.path()).unwrap();
    eprintln!("{}", server.url());
    let mut connection = server.url().connect().unwrap();
    let name: String = sql::<Text>("SELECT current_database()")
        .get_result(&mut connection)
        .unwrap();
    assert_eq!(name, "watertight");
    let status = EmbeddedServer::status(workspace.path()).unwrap();
    eprintln!("{status:?}");
    assert!(EmbeddedServer::stop(workspace.path()).unwrap());
    assert_eq!(
        EmbeddedServer::status(workspace.path()).unwrap().running,
        None
    );
}
