use super::strings::Strings;
use super::tokens::{Token, TokenKind, Tokens};

const SETTING: &str = "standard_conforming_strings";

/// Follows the setting `standard_conforming_strings` through a script whose statements are sent one by one.
pub(super) struct StringSetting {
    /// What `RESET` and `DISCARD ALL` go back to.
    session: Strings,
    current: Strings,
    /// The value outside the transaction that the script has begun.
    before: Option<Strings>,
    /// Whether the current value ends with the transaction.
    is_local: bool,
    statement: StatementReader,
}

#[derive(Default)]
struct StatementReader {
    position: usize,
    command: Command,
    is_local: bool,
    after_name: bool,
    change: Option<Change>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Command {
    #[default]
    Other,
    /// `CREATE FUNCTION … SET`, `ALTER ROLE … SET` and the like change nothing for this session.
    Definition,
    Begin,
    Commit,
    Rollback,
    Reset,
    Do,
}

#[derive(Clone, Copy)]
enum Change {
    To(Strings),
    Reset,
}

impl StringSetting {
    pub(super) fn new(session: Strings) -> Self {
        Self {
            session,
            current: session,
            before: None,
            is_local: false,
            statement: StatementReader::default(),
        }
    }

    pub(super) fn read(&mut self, token: &Token<'_>) {
        self.statement.read(token);
    }

    /// Returns the value after the statement.
    pub(super) fn end_statement(&mut self) -> Strings {
        let statement = std::mem::take(&mut self.statement);
        match statement.command {
            Command::Begin => {
                self.before.get_or_insert(self.current);
            }
            Command::Commit => {
                if let Some(before) = self.before.take()
                    && self.is_local
                {
                    self.current = before;
                }
                self.is_local = false;
            }
            Command::Rollback => {
                self.current = self.before.take().unwrap_or(self.current);
                self.is_local = false;
            }
            _ => {}
        }
        if let Some(change) = statement.change {
            self.current = match change {
                Change::To(strings) => strings,
                Change::Reset => self.session,
            };
            self.is_local = statement.is_local;
        }
        self.current
    }
}

impl StatementReader {
    fn read(&mut self, token: &Token<'_>) {
        self.position += 1;
        if self.position == 1 {
            self.begin(token);
            return;
        }
        // Most tokens of a large script end here.
        let may_matter = self.position <= 3
            || self.after_name
            || self.command == Command::Do
            || token.len() >= SETTING.len();
        if !may_matter || self.command == Command::Definition {
            return;
        }
        if self.position == 2 {
            self.is_local = token.is("local");
            if self.command == Command::Reset && token.is("all") {
                self.change = Some(Change::Reset);
            }
        }
        if self.position <= 3 && self.command == Command::Rollback && token.is("to") {
            // To a savepoint.
            self.command = Command::Other;
        }
        match token.kind {
            TokenKind::DollarQuoted | TokenKind::String if self.command == Command::Do => {
                let body = token.content().unwrap_or_default();
                // In a plain string the quotes are doubled.
                let body = body.replace("''", "'");
                for token in Tokens::new(&body, Strings::Standard).map_while(Result::ok) {
                    self.read_name_or_value(&token);
                }
            }
            _ => self.read_name_or_value(token),
        }
    }

    fn begin(&mut self, token: &Token<'_>) {
        if token.is("insert") {
            return;
        }
        let commands = [
            ("create", Command::Definition),
            ("alter", Command::Definition),
            ("begin", Command::Begin),
            ("start", Command::Begin),
            ("commit", Command::Commit),
            ("end", Command::Commit),
            ("rollback", Command::Rollback),
            ("abort", Command::Rollback),
            ("reset", Command::Reset),
            ("discard", Command::Reset),
            ("do", Command::Do),
        ];
        self.command = commands
            .into_iter()
            .find(|(word, _)| token.is(word))
            .map_or(Command::Other, |(_, command)| command);
    }

    fn read_name_or_value(&mut self, token: &Token<'_>) {
        if !self.after_name && token.len() < SETTING.len() {
            return;
        }
        let text = match token.kind {
            TokenKind::Word | TokenKind::Number => token.source(),
            TokenKind::QuotedName => token.source().trim_matches('"'),
            TokenKind::String => token.content().unwrap_or_default(),
            TokenKind::DollarQuoted | TokenKind::Symbol(_) => return,
        };
        if text.eq_ignore_ascii_case(SETTING) {
            self.after_name = true;
            if self.command == Command::Reset {
                self.change = Some(Change::Reset);
            }
        } else if self.after_name && !token.is("to") {
            self.after_name = false;
            self.change = change(text).or(self.change);
        }
    }
}

/// Reads a value as PostgreSQL reads a Boolean setting.
fn change(value: &str) -> Option<Change> {
    let value = value.to_ascii_lowercase();
    let is = |word: &str, shortest: usize| value.len() >= shortest && word.starts_with(&value);
    if value == "default" {
        Some(Change::Reset)
    } else if value == "1" || is("true", 1) || is("yes", 1) || value == "on" {
        Some(Change::To(Strings::Standard))
    } else if value == "0" || is("false", 1) || is("no", 1) || is("off", 2) {
        Some(Change::To(Strings::Escaped))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the value after a script with one command a line.
    fn after(sql: &str) -> Strings {
        let mut setting = StringSetting::new(Strings::Standard);
        for statement in sql.lines() {
            for token in Tokens::new(statement, setting.current).map_while(Result::ok) {
                setting.read(&token);
            }
            setting.end_statement();
        }
        setting.current
    }

    #[test]
    fn every_way_to_turn_standard_conforming_strings_off_is_followed() {
        for sql in [
            "SET standard_conforming_strings = off",
            "set session Standard_Conforming_Strings to 'false'",
            "SET LOCAL \"standard_conforming_strings\" TO 0",
            "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false)",
            "DO $$ BEGIN SET standard_conforming_strings = no; END $$",
            "DO 'BEGIN PERFORM set_config(''standard_conforming_strings'', ''off'', true); END'",
            "BEGIN\nSET standard_conforming_strings = off\nCOMMIT",
            "SET standard_conforming_strings = off\nBEGIN\nSET LOCAL standard_conforming_strings = on\nEND",
            "SET standard_conforming_strings = off\nROLLBACK TO a",
        ] {
            assert_eq!(after(sql), Strings::Escaped, "{sql}");
        }
    }

    #[test]
    fn standard_conforming_strings_stay_on_or_come_back() {
        for sql in [
            "SELECT 'standard_conforming_strings = off'",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET standard_conforming_strings = off AS 'SELECT 1'",
            "ALTER ROLE x SET standard_conforming_strings = off",
            "SET standard_conforming_strings = o",
            "SET standard_conforming_strings = off\nRESET standard_conforming_strings",
            "SET standard_conforming_strings = off\nRESET ALL",
            "SET standard_conforming_strings = off\nDISCARD ALL",
            "SET standard_conforming_strings = off\nSET standard_conforming_strings TO DEFAULT",
            "BEGIN\nSET standard_conforming_strings = off\nROLLBACK",
            "BEGIN\nSET LOCAL standard_conforming_strings = off\nCOMMIT",
        ] {
            assert_eq!(after(sql), Strings::Standard, "{sql}");
        }
    }
}
