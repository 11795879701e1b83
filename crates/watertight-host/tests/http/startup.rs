use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use watertight_host::{
    Access, Permission, Plugin, PluginContext, Routes, RunningServer, Server, ServerError,
};
use watertight_metadata::PluginMetadata;
use watertight_testing::TestDatabase;

use crate::client::{MIGRATIONS, Site, notes, send};

fn spawn(plugins: Vec<Plugin>) -> Result<RunningServer, ServerError> {
    let database = TestDatabase::new(Vec::new());
    Server::new(plugins).spawn(database.url())
}

fn error(plugins: Vec<Plugin>) -> String {
    match spawn(plugins) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it started"),
    }
}

fn plugin(metadata: PluginMetadata) -> Plugin {
    Plugin::new(metadata, MIGRATIONS)
}

const A: PluginMetadata = PluginMetadata::new("a");

#[test]
fn plugins_that_do_not_fit_together_are_named() {
    const ON_B: PluginMetadata = PluginMetadata::new("a").depends_on(&["b"]);
    const ON_A: PluginMetadata = PluginMetadata::new("b").depends_on(&["a"]);
    insta::assert_snapshot!(error(vec![plugin(A), plugin(A)]), @"failed to put the plugins in order: two plugins have the id `a`; rename one of them");
    insta::assert_snapshot!(error(vec![plugin(ON_B)]), @"failed to put the plugins in order: plugin `a` depends on `b`, which is not there; add that plugin or take it out of `depends_on`");
    insta::assert_snapshot!(error(vec![plugin(ON_B), plugin(ON_A)]), @"failed to put the plugins in order: `a` depends on `b` depends on `a`; take one of these out of its `depends_on`");
}

#[test]
fn a_permission_is_declared_once_and_as_the_routes_use_it() {
    const READ: Permission = Permission::new("item.read", "");
    const OPEN: Permission = READ.granted_to(watertight_host::Audience::Everyone);
    let routes = || Routes::new().get("/items", OPEN, async || "");
    insta::assert_snapshot!(error(vec![plugin(A).routes(routes())]), @"failed to mount GET /items of plugin `a`: it needs the permission `a.item.read`, which the plugin does not declare, or not with the same audience; add it to the plugin's `permissions`");
    // Who has it by default is part of what is declared.
    insta::assert_snapshot!(error(vec![plugin(A).routes(routes()).permissions(&[READ])]), @"failed to mount GET /items of plugin `a`: it needs the permission `a.item.read`, which the plugin does not declare, or not with the same audience; add it to the plugin's `permissions`");
    insta::assert_snapshot!(error(vec![plugin(A).permissions(&[READ, OPEN])]), @"failed to register plugin `a`: it declares the permission `a.item.read` twice; keep one");
}

#[test]
fn a_route_that_cannot_be_mounted_is_named_with_the_reason() {
    let with = |routes: &[&str]| {
        let routes = routes.iter().fold(Routes::new(), |routes, path| {
            routes.get(path, Access::Public, async || "")
        });
        error(vec![plugin(A).routes(routes)])
    };
    insta::assert_snapshot!(with(&["items"]), @"failed to mount GET items of plugin `a`: a path begins with `/`; put one before it");
    insta::assert_snapshot!(with(&["/items", "/items/"]), @"failed to mount GET /items/ of plugin `a`: there is such a route already; remove one");
    insta::assert_snapshot!(with(&["/items/:id"]), @"failed to mount GET /items/:id of plugin `a`: a parameter is written `{name}`, and one for the rest of a path `{*name}`");
    insta::assert_snapshot!(with(&["/{id}", "/{name}"]), @"failed to mount GET /{name} of plugin `a`: it conflicts with /api/a/{id}; change its path");
    insta::assert_snapshot!(with(&["/{id"]), @"failed to mount GET /{id of plugin `a`: Parameters must be registered with a valid name; change its path");
}

#[test]
fn one_path_may_have_several_methods_and_the_mount_path_itself_is_a_route() {
    let routes = Routes::new()
        .get("/", Access::Public, async || "list")
        .post("/", Access::Public, async || "create")
        .put("/{id}", Access::Public, async || "change")
        .patch("/{id}", Access::Public, async || "patch")
        .delete("/{id}", Access::Public, async || "delete");
    let site = Site::new(vec![notes(routes)]);
    let text = |method: &str, path| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(site.url(path));
        send(request.body(()).unwrap()).text
    };
    assert_eq!(text("GET", "/api/notes"), "list");
    assert_eq!(text("POST", "/api/notes"), "create");
    assert_eq!(text("PUT", "/api/notes/1"), "change");
    assert_eq!(text("PATCH", "/api/notes/1"), "patch");
    assert_eq!(text("DELETE", "/api/notes/1"), "delete");
}

#[test]
fn steps_run_in_the_order_of_dependencies_and_the_last_ones_when_all_are_ready() {
    const LAST: PluginMetadata = PluginMetadata::new("a").depends_on(&["notes"]);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let log = |name: &'static str| {
        let steps = Arc::clone(&steps);
        move |context: PluginContext| async move {
            // The handle works in a step.
            drop(context.database().connection().await?);
            steps
                .lock()
                .unwrap()
                .push(format!("{name} {}", context.metadata().id()));
            Ok(())
        }
    };
    let first = notes(Routes::new())
        .init(log("init"))
        .after_all_ready(log("ready"));
    let last = plugin(LAST).init(log("init")).after_all_ready(log("ready"));
    let _site = Site::new(vec![last, first]);
    let steps = steps.lock().unwrap();
    assert_eq!(*steps, ["init notes", "init a", "ready notes", "ready a"]);
}

#[test]
fn a_step_that_fails_stops_the_start_and_is_named() {
    let fails = plugin(A).init(async |_| Err(io::Error::other("no mail server").into()));
    insta::assert_snapshot!(error(vec![fails]), @"failed to start plugin `a`: its step `init` failed: no mail server; mend that and start again");
}

#[test]
fn a_handler_has_the_context_of_its_own_plugin() {
    let route = || {
        Routes::new().get(
            "/",
            Access::Public,
            async |State(context): State<PluginContext>| context.metadata().id().to_string(),
        )
    };
    let site = Site::new(vec![plugin(A).routes(route()), notes(route())]);
    assert_eq!(site.get("/api/a").text, "a");
    assert_eq!(site.get("/api/notes").text, "notes");
}
