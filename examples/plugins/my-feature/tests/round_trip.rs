//! Tests the models against a migrated database.

use diesel::prelude::*;
use plugin_my_feature::models::{Item, ItemChanges, NewItem};
use plugin_my_feature::schema::plugin_my_feature as schema;
use plugin_my_feature::{MIGRATIONS, PLUGIN_METADATA};
use watertight_migrations::PluginMigrations;
use watertight_testing::TestDatabase;

#[test]
fn rows_can_be_inserted_updated_selected_and_deleted() {
    let database = TestDatabase::new(vec![PluginMigrations::new(PLUGIN_METADATA, MIGRATIONS)]);
    let mut connection = database.connect();

    let inserted: Item = diesel::insert_into(schema::items::table)
        .values(NewItem {
            name: "first",
            description: None,
        })
        .returning(Item::as_returning())
        .get_result(&mut connection)
        .expect("the row is inserted");
    assert_eq!(inserted.name, "first");
    assert_eq!(inserted.description, None);

    let changes = ItemChanges {
        name: "second".to_owned(),
        description: Some("changed".to_owned()),
    };
    diesel::update(&inserted)
        .set(changes)
        .execute(&mut connection)
        .expect("the row is updated");

    let found = schema::items::table
        .find(inserted.id)
        .select(Item::as_select())
        .first(&mut connection)
        .expect("the row is found");
    assert_eq!(
        found,
        Item {
            name: "second".to_owned(),
            description: Some("changed".to_owned()),
            ..inserted
        }
    );

    let deleted = diesel::delete(&found)
        .execute(&mut connection)
        .expect("the row is deleted");
    assert_eq!(deleted, 1);
}
