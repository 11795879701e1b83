//! Tests the HTTP API against a migrated database.

use serde_json::{Value, json};
use watertight_host::{DevelopmentToken, Plugin, Server};
use watertight_testing::TestDatabase;

const TOKEN: &str = "test-token";

/// The plugin and its dependency.
fn plugins() -> Vec<Plugin> {
    let auth = Plugin::new(plugin_auth::PLUGIN_METADATA, plugin_auth::MIGRATIONS);
    vec![auth, plugin_catalog::plugin()]
}

#[test]
fn only_published_products_are_listed() {
    let migrations = plugins().into_iter().map(Plugin::into_migrations);
    let database = TestDatabase::new(migrations.collect());
    let server = Server::new(plugins()).authorizer(DevelopmentToken::new(TOKEN));
    let server = server.spawn(database.url()).unwrap();
    let products = format!("{}/api/catalog/products", server.url());
    let post = |url: &str, body: Value| {
        let request = ureq::post(url).header("Authorization", format!("Bearer {TOKEN}"));
        let mut response = request.send_json(body).unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        serde_json::from_str(&body).unwrap_or(Value::Null)
    };
    let list = || -> Value {
        let mut response = ureq::get(&products).call().unwrap();
        response.body_mut().read_json().unwrap()
    };

    let product: Value = post(&products, json!({ "name": "A book" }));
    assert_eq!(list(), json!([]));
    let id = product["id"].as_str().unwrap();
    post(&format!("{products}/{id}/publish"), json!(null));
    assert_eq!(list(), json!([product]));
}
