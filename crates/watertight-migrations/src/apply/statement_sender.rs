use std::any::Any;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use diesel::QueryResult;
use diesel::connection::{BoxableConnection, SimpleConnection};
use diesel::pg::Pg;
use diesel::result::Error as DieselError;

use crate::session::PgSession;
use crate::sql::{Strings, split};

/// Calls `run` with a connection that sends each statement by itself, because PostgreSQL runs a message with several
/// statements as a transaction.
///
/// Diesel requires a migration's connection to be `'static`, so it cannot borrow `connection`. A thread holds
/// `connection` in the meantime and receives the SQL over a channel.
pub(super) fn with_statement_sender<C: PgSession, T>(
    connection: &mut C,
    strings: Strings,
    run: impl FnOnce(&mut dyn BoxableConnection<Pg>) -> T,
) -> T {
    let (requests, received) = channel::<String>();
    let (results, responses) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for sql in received {
                if results
                    .send(send_statements(connection, &sql, strings))
                    .is_err()
                {
                    break;
                }
            }
        });
        run(&mut StatementSender {
            requests,
            responses,
        })
    })
}

fn send_statements<C: PgSession>(
    connection: &mut C,
    sql: &str,
    strings: Strings,
) -> QueryResult<()> {
    let Ok(statements) = split(sql, strings) else {
        return connection.batch_execute(sql);
    };
    statements
        .iter()
        .try_for_each(|statement| connection.batch_execute(statement.sql(sql)))
}

struct StatementSender {
    requests: Sender<String>,
    responses: Receiver<QueryResult<()>>,
}

impl SimpleConnection for StatementSender {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let ended = || {
            DieselError::QueryBuilderError("the thread that holds the connection has ended".into())
        };
        self.requests.send(query.to_owned()).map_err(|_| ended())?;
        self.responses.recv().map_err(|_| ended())?
    }
}

impl BoxableConnection<Pg> for StatementSender {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
