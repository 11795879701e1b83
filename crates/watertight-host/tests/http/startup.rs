use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use watertight_diagnostics::ErrorReport;
use watertight_host::{Access, Permission, Plugin, PluginContext, Routes, Server};
use watertight_metadata::PluginMetadata;

use crate::client::{MIGRATIONS, TestServer, notes, send};

/// Starts a server that fails before it connects to its database, and returns the error.
fn error(plugins: Vec<Plugin>) -> String {
    let database = "postgres://localhost/none".parse().unwrap();
    match Server::new(plugins).spawn(&database) {
        Err(error) => ErrorReport::new(&error).to_string(),
        Ok(_) => panic!("the server started"),
    }
}

fn plugin(metadata: PluginMetadata) -> Plugin {
    Plugin::new(metadata, MIGRATIONS)
}

const A: PluginMetadata = PluginMetadata::new("a");

#[test]
fn inconsistent_plugins_are_refused() {
    const ON_B: PluginMetadata = PluginMetadata::new("a").depends_on(&["b"]);
    const ON_A: PluginMetadata = PluginMetadata::new("b").depends_on(&["a"]);
    insta::assert_snapshot!(error(vec![plugin(A), plugin(A)]), @"
    error: failed to put the plugins in order: two plugins have the id `a`
    hint: rename one of them
    ");
    insta::assert_snapshot!(error(vec![plugin(ON_B)]), @"
    error: failed to put the plugins in order: plugin `a` depends on `b`, which does not exist
    hint: add plugin `b`, or remove it from `depends_on`
    ");
    insta::assert_snapshot!(error(vec![plugin(ON_B), plugin(ON_A)]), @"
    error: failed to put the plugins in order: `a` depends on `b` depends on `a`
    hint: remove one of these from its `depends_on`
    ");
}

#[test]
fn permissions_must_be_declared_once_and_with_the_audience_that_routes_use() {
    const READ: Permission = Permission::new("item.read", "");
    const OPEN: Permission = READ.granted_to(watertight_host::Audience::Everyone);
    let routes = || Routes::new().get("/items", OPEN, async || "");
    insta::assert_snapshot!(error(vec![plugin(A).routes(routes())]), @"
    error: failed to mount GET /items of plugin `a`: the plugin does not declare the permission `a.item.read`, or declares it with another audience
    hint: add it to the plugin's `permissions`
    ");
    // The audience is part of the declaration.
    insta::assert_snapshot!(error(vec![plugin(A).routes(routes()).permissions(&[READ])]), @"
    error: failed to mount GET /items of plugin `a`: the plugin does not declare the permission `a.item.read`, or declares it with another audience
    hint: add it to the plugin's `permissions`
    ");
    insta::assert_snapshot!(error(vec![plugin(A).permissions(&[READ, OPEN])]), @"
    error: failed to register plugin `a`: it declares the permission `a.item.read` twice
    hint: remove one of the declarations
    ");
}

#[test]
fn routes_that_cannot_be_mounted_are_refused() {
    let with = |routes: &[&str]| {
        let routes = routes.iter().fold(Routes::new(), |routes, path| {
            routes.get(path, Access::Public, async || "")
        });
        error(vec![plugin(A).routes(routes)])
    };
    insta::assert_snapshot!(with(&["items"]), @"
    error: failed to mount GET items of plugin `a`: the path does not begin with `/`
    hint: put a `/` before the path
    ");
    insta::assert_snapshot!(with(&["/items", "/items/"]), @"
    error: failed to mount GET /items/ of plugin `a`: another route has the same method and path
    hint: remove one of the routes
    ");
    insta::assert_snapshot!(with(&["/items/:id"]), @"
    error: failed to mount GET /items/:id of plugin `a`: axum refuses path segments that begin with `:` or `*`
    hint: write a parameter as `{name}`, and one for the rest of the path as `{*name}`
    ");
    insta::assert_snapshot!(with(&["/{id}", "/{name}"]), @"
    error: failed to mount GET /{name} of plugin `a`: it conflicts with /api/a/{id}
    hint: change the path
    ");
    insta::assert_snapshot!(with(&["/{id"]), @"
    error: failed to mount GET /{id of plugin `a`: Parameters must be registered with a valid name
    hint: change the path
    ");
}

#[test]
fn a_path_can_have_several_methods_and_the_mount_path_can_be_a_route() {
    let routes = Routes::new()
        .get("/", Access::Public, async || "list")
        .post("/", Access::Public, async || "create")
        .put("/{id}", Access::Public, async || "change")
        .patch("/{id}", Access::Public, async || "patch")
        .delete("/{id}", Access::Public, async || "delete");
    let server = TestServer::start(vec![notes(routes)]);
    let body = |method: &str, path| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(server.url(path));
        send(request.body(()).unwrap()).body
    };
    assert_eq!(body("GET", "/api/notes"), "list");
    assert_eq!(body("POST", "/api/notes"), "create");
    assert_eq!(body("PUT", "/api/notes/1"), "change");
    assert_eq!(body("PATCH", "/api/notes/1"), "patch");
    assert_eq!(body("DELETE", "/api/notes/1"), "delete");
}

#[test]
fn hooks_run_in_the_order_of_dependencies_and_after_all_ready_hooks_last() {
    const LAST: PluginMetadata = PluginMetadata::new("a").depends_on(&["notes"]);
    let log = Arc::new(Mutex::new(Vec::new()));
    let hook = |name: &'static str| {
        let log = Arc::clone(&log);
        move |context: PluginContext| async move {
            // The database handle works in a hook.
            drop(context.database().connection().await?);
            log.lock()
                .unwrap()
                .push(format!("{name} {}", context.metadata().id()));
            Ok(())
        }
    };
    let first = notes(Routes::new())
        .init(hook("init"))
        .after_all_ready(hook("ready"));
    let last = plugin(LAST)
        .init(hook("init"))
        .after_all_ready(hook("ready"));
    let _server = TestServer::start(vec![last, first]);
    let log = log.lock().unwrap();
    assert_eq!(*log, ["init notes", "init a", "ready notes", "ready a"]);
}

#[test]
fn a_failing_hook_stops_the_start_and_is_named() {
    let fails = plugin(A).init(async |_| Err(io::Error::other("no mail server").into()));
    insta::assert_snapshot!(error(vec![fails]), @"error: failed to start plugin `a`: its hook `init` failed: no mail server");
}

#[test]
fn handlers_have_the_context_of_their_plugin() {
    let route = || {
        Routes::new().get(
            "/",
            Access::Public,
            async |State(context): State<PluginContext>| context.metadata().id().to_string(),
        )
    };
    let server = TestServer::start(vec![plugin(A).routes(route()), notes(route())]);
    assert_eq!(server.get("/api/a").body, "a");
    assert_eq!(server.get("/api/notes").body, "notes");
}
