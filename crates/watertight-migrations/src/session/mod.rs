//! A session of PostgreSQL: its connection, locks, settings, transaction, and what it can see of a plugin.

mod advisory_lock;
mod diesel_session;
mod idle_connection;
mod interrupt;
mod lock_monitor;
mod messages;
mod open_connection;
mod open_transaction;
mod options;
mod pg_session;
mod plugin_state;
mod pooler;
mod protocol_session;
mod session_error;
mod session_lock;
mod session_settings;

pub(crate) use advisory_lock::Lock;
pub(crate) use diesel_session::DieselSession;
pub use interrupt::Interrupt;
pub(crate) use messages::{
    MessageEvent, Session, after_failure, load, load_bool, load_in_transaction, send, send_watched,
};
pub(crate) use open_transaction::has_open_transaction;
pub(crate) use options::Options;
pub use pg_session::PgSession;
pub(crate) use plugin_state::{PluginState, Schemas, read_states};
pub(crate) use pooler::Pooling;
pub(crate) use protocol_session::ProtocolSession;
pub(crate) use session_error::{SessionError, StopReason};
pub(crate) use session_lock::SessionLock;
pub(crate) use session_settings::SessionSettings;
