use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};

use crate::authorization::access::Access;
use crate::plugin::plugin_context::PluginContext;

/// The routes of a plugin, with paths relative to its mount path.
///
/// A route is a method, a path in axum's syntax (`/items/{id}`), who may call it, and an axum handler. The state of
/// handlers is [`PluginContext`]; `State<PluginDatabase>` works too.
///
/// ```
/// use watertight_host::{Access, Audience, Permission, Routes};
///
/// const READ: Permission = Permission::new("item.read", "List and view items").granted_to(Audience::Everyone);
///
/// let routes = Routes::new()
///     .get("/items", READ, async || "the items")
///     .get("/version", Access::Public, async || "1");
/// ```
#[derive(Default)]
#[must_use = "routes have no effect until they are added to a plugin"]
pub struct Routes {
    pub(crate) all: Vec<Route>,
}

pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) access: Access,
    pub(crate) handler: MethodRouter<PluginContext>,
}

impl Routes {
    /// Creates an empty list of routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route for `GET` and `HEAD`.
    pub fn get<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::GET, path, access.into(), routing::get(handler))
    }

    /// Adds a route for `POST`.
    pub fn post<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::POST, path, access.into(), routing::post(handler))
    }

    /// Adds a route for `PUT`.
    pub fn put<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::PUT, path, access.into(), routing::put(handler))
    }

    /// Adds a route for `PATCH`.
    pub fn patch<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::PATCH, path, access.into(), routing::patch(handler))
    }

    /// Adds a route for `DELETE`.
    pub fn delete<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(
            Method::DELETE,
            path,
            access.into(),
            routing::delete(handler),
        )
    }

    fn add(
        mut self,
        method: Method,
        path: &str,
        access: Access,
        handler: MethodRouter<PluginContext>,
    ) -> Self {
        self.all.push(Route {
            method,
            path: path.to_owned(),
            access,
            handler,
        });
        self
    }
}
