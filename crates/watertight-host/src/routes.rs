use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};

use crate::{Access, PluginContext};

/// The routes of a plugin, below its mount path.
///
/// Handlers are axum's, with [`PluginContext`] as their state; `State<PluginDatabase>` works too. A route is a
/// method, a path in axum's syntax (`/items/{id}`), who may call it, and a handler:
///
/// ```
/// use watertight_host::{Access, Audience, Permission, Routes};
///
/// const READ: Permission = Permission::new("item.read", "See items").granted_to(Audience::Everyone);
///
/// let routes = Routes::new()
///     .get("/items", READ, async || "the items")
///     .get("/version", Access::Public, async || "1");
/// ```
#[derive(Default)]
#[must_use = "routes answer nothing until a plugin has them"]
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
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `GET`, and `HEAD` without the body.
    pub fn get<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::GET, path, access.into(), routing::get(handler))
    }

    /// Answers `POST`.
    pub fn post<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::POST, path, access.into(), routing::post(handler))
    }

    /// Answers `PUT`.
    pub fn put<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::PUT, path, access.into(), routing::put(handler))
    }

    /// Answers `PATCH`.
    pub fn patch<H, T>(self, path: &str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, PluginContext>,
        T: 'static,
    {
        self.add(Method::PATCH, path, access.into(), routing::patch(handler))
    }

    /// Answers `DELETE`.
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
