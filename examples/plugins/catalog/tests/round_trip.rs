//! Tests the models against a migrated database.

use diesel::prelude::*;
use plugin_auth::models::{NewUser, User, UserRole};
use plugin_auth::schema::plugin_auth::users;
use plugin_catalog::models::{Category, NewCategory, NewProduct, Product, ProductState};
use plugin_catalog::schema::plugin_catalog::{categories, products};
use watertight_migrations::PluginMigrations;
use watertight_testing::TestDatabase;

fn database() -> TestDatabase {
    TestDatabase::new(vec![
        PluginMigrations::new(plugin_auth::PLUGIN_METADATA, plugin_auth::MIGRATIONS),
        PluginMigrations::new(plugin_catalog::PLUGIN_METADATA, plugin_catalog::MIGRATIONS),
    ])
}

#[test]
fn a_product_has_a_category_a_state_and_an_editor() {
    let database = database();
    let mut connection = database.connect();
    let editor = diesel::insert_into(users::table)
        .values(NewUser {
            email: "ada@example.org",
            display_name: Some("Ada"),
            role: UserRole::Editor,
        })
        .returning(User::as_returning())
        .get_result(&mut connection)
        .unwrap();
    let category = diesel::insert_into(categories::table)
        .values(NewCategory { name: "Books" })
        .returning(Category::as_returning())
        .get_result(&mut connection)
        .unwrap();
    let product = diesel::insert_into(products::table)
        .values(NewProduct {
            name: "A book",
            description: None,
            category_id: Some(category.id),
            state: ProductState::Published,
            edited_by: Some(editor.id),
        })
        .returning(Product::as_returning())
        .get_result(&mut connection)
        .unwrap();

    let found: Vec<Product> = Product::belonging_to(&category)
        .filter(products::state.eq(ProductState::Published))
        .select(Product::as_select())
        .load(&mut connection)
        .unwrap();
    assert_eq!(found, [product]);

    // The foreign key does not keep `auth` from deleting its own rows.
    diesel::delete(&editor).execute(&mut connection).unwrap();
    let edited_by: Option<uuid::Uuid> = products::table
        .select(products::edited_by)
        .first(&mut connection)
        .unwrap();
    assert_eq!(edited_by, None);
}
