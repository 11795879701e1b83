use diesel::Connection;
use diesel::connection::LoadConnection;
use diesel::pg::Pg;

/// A Diesel connection to PostgreSQL, such as `PgConnection` or diesel-async's
/// `AsyncConnectionWrapper<AsyncPgConnection>`.
pub trait PgSession: Connection<Backend = Pg> + LoadConnection + 'static {}

impl<C> PgSession for C where C: Connection<Backend = Pg> + LoadConnection + 'static {}
