//! The migrations run on a real database, and the models fit what they make.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use plugin_auth::models::{NewSession, NewUser, Session, User, UserRole};
use plugin_auth::schema::plugin_auth::{sessions, users};
use plugin_auth::{MIGRATIONS, PLUGIN_METADATA};
use watertight_connection::Connection;
use watertight_migrations::Plugin;
use watertight_testing::TestDatabase;

fn database() -> TestDatabase {
    TestDatabase::new(vec![Plugin::new(PLUGIN_METADATA, MIGRATIONS)])
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
fn a_user_keeps_their_role() {
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
fn two_users_never_share_an_address_whatever_its_case() {
    let database = database();
    let mut connection = database.connect();
    insert_user(&mut connection, "ada@example.org").unwrap();
    let refused = insert_user(&mut connection, "Ada@Example.org").unwrap_err();
    assert!(
        matches!(
            &refused,
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
        ),
        "{refused:?}"
    );
}

#[test]
fn a_users_sessions_go_with_the_user() {
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
    let of_user: Vec<Session> = Session::belonging_to(&user)
        .select(Session::as_select())
        .load(&mut connection)
        .unwrap();
    assert_eq!(of_user.len(), 1);
    diesel::delete(&user).execute(&mut connection).unwrap();
    let left: i64 = sessions::table.count().get_result(&mut connection).unwrap();
    assert_eq!(left, 0);
}
