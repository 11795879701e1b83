use std::any::Any;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use diesel::QueryResult;
use diesel::connection::{BoxableConnection, SimpleConnection};
use diesel::pg::Pg;
use diesel::result::Error as DieselError;

use crate::session::PgSession;
use crate::sql::split;

/// Gives `run` something that sends the statements it is given one by one: PostgreSQL makes a transaction of a
/// message that has several.
///
/// What Diesel gives to a migration has to be `'static`, so it cannot borrow the connection. A thread has the
/// connection meanwhile, and takes orders.
pub(crate) fn one_by_one<C: PgSession, T>(
    connection: &mut C,
    run: impl FnOnce(&mut dyn BoxableConnection<Pg>) -> T,
) -> T {
    let (orders, received) = channel::<String>();
    let (answers, answered) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for sql in received {
                if answers.send(send_one_by_one(connection, &sql)).is_err() {
                    break;
                }
            }
        });
        run(&mut Remote {
            orders,
            answers: answered,
        })
    })
}

fn send_one_by_one<C: PgSession>(connection: &mut C, sql: &str) -> QueryResult<()> {
    let Ok(statements) = split(sql) else {
        return connection.batch_execute(sql);
    };
    statements
        .iter()
        .try_for_each(|statement| connection.batch_execute(statement.text(sql)))
}

struct Remote {
    orders: Sender<String>,
    answers: Receiver<QueryResult<()>>,
}

impl SimpleConnection for Remote {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let gone =
            || DieselError::QueryBuilderError("the thread that has the connection ended".into());
        self.orders.send(query.to_owned()).map_err(|_| gone())?;
        self.answers.recv().map_err(|_| gone())?
    }
}

impl BoxableConnection<Pg> for Remote {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
