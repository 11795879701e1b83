//! Tests the models against a migrated database.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use plugin_auth::models::{NewSession, NewUser, Session, User, UserRole};
use plugin_auth::schema::plugin_auth::{sessions, users};
use plugin_auth::{MIGRATIONS, PLUGIN_METADATA};
use watertight_connection::Connection;
use watertight_migrations::PluginMigrations;
use watertight_testing::TestDatabase;

fn database() -> TestDatabase {
    TestDatabase::new(vec![PluginMigrations::new(PLUGIN_METADATA, MIGRATIONS)])
}

fn insert_user(connection: &mut Connection, email: &str) -> QueryResult<User> {
    diesel::insert_into(users::table)
        .values(NewUser {
            email,
            display_name: None,
            role: UserRole::Editor,
        })
        .returning(User::as_returning())
        .get_result(connection)
}

#[test]
fn users_are_selected_by_role() {
    let database = database();
    let mut connection = database.connect();
    let inserted = insert_user(&mut connection, "ada@example.org").unwrap();
    assert_eq!(inserted.role, UserRole::Editor);
    let editors: Vec<User> = users::table
        .filter(users::role.eq(UserRole::Editor))
        .select(User::as_select())
        .load(&mut connection)
        .unwrap();
    assert_eq!(editors, [inserted]);
}

#[test]
fn email_addresses_are_unique_regardless_of_case() {
    let database = database();
    let mut connection = database.connect();
    insert_user(&mut connection, "ada@example.org").unwrap();
    let error = insert_user(&mut connection, "Ada@Example.org").unwrap_err();
    assert!(
        matches!(
            &error,
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
        ),
        "{error:?}"
    );
}

#[test]
fn deleting_a_user_deletes_their_sessions() {
    let database = database();
    let mut connection = database.connect();
    let user = insert_user(&mut connection, "ada@example.org").unwrap();
    diesel::insert_into(sessions::table)
        .values(NewSession {
            user_id: user.id,
            expires_at: "2030-01-01T00:00:00".parse().unwrap(),
        })
        .execute(&mut connection)
        .unwrap();
    let user_sessions: Vec<Session> = Session::belonging_to(&user)
        .select(Session::as_select())
        .load(&mut connection)
        .unwrap();
    assert_eq!(user_sessions.len(), 1);
    diesel::delete(&user).execute(&mut connection).unwrap();
    let remaining: i64 = sessions::table.count().get_result(&mut connection).unwrap();
    assert_eq!(remaining, 0);
}
