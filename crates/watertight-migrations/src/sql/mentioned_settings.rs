use std::collections::BTreeSet;

use super::split::{Part as ScriptPart, ScriptReader};
use super::strings::Strings;
use super::tokens::{Token, TokenKind, Tokens};
use super::words::{Part, read_words};

/// The names in a migration that may be settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MentionedNames {
    /// The words, in lower case. Settings among them are restored even if they look unchanged, because a `SET LOCAL`
    /// may hide a `SET`.
    pub(crate) words: BTreeSet<String>,
    /// The `prefix.name` pairs, because `pg_settings` does not list custom settings.
    pub(crate) dotted: BTreeSet<String>,
}

/// Returns the names in `sql` if it may change settings. A false positive costs one query.
///
/// It may change settings if `SET`, `RESET`, `DISCARD` or `set_config` occurs in it, also in strings and function
/// bodies but not in comments. The `SET` clauses of `UPDATE`, `ALTER`, `CREATE` and `DELETE` do not count, and neither
/// do the strings of an `INSERT`, which are data.
///
/// The names are those in the statements that may change settings: the others may hold any number of host names. A
/// `RESET ALL` or `DISCARD ALL` changes also what other statements mention, so with it the names are those of all.
pub(crate) fn mentioned_settings(sql: &str, strings: Strings) -> Option<MentionedNames> {
    let mut changing = Vec::new();
    let mut most = Changes::Nothing;
    let mut script = ScriptReader::new(sql, strings);
    let mut statement = StatementReader::default();
    while let Ok(Some(part)) = script.next() {
        match part {
            ScriptPart::Token(token) => statement.read(&token),
            ScriptPart::End(end) => {
                let changes = std::mem::take(&mut statement).changes;
                most = most.max(changes);
                if changes > Changes::Nothing {
                    changing.push(end.range);
                }
            }
        }
    }
    if changing.is_empty() {
        return None;
    }
    let mut names = NameReader::default();
    if most == Changes::All {
        names.read(sql, strings);
    } else {
        for range in changing {
            names.read(&sql[range], strings);
        }
    }
    Some(names.finish())
}

/// Which settings a statement may change.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Changes {
    #[default]
    Nothing,
    Mentioned,
    All,
}

/// Finds which settings a statement may change.
#[derive(Default)]
struct StatementReader {
    /// Whether the statement is an `INSERT`, once it has begun.
    is_insert: Option<bool>,
    changes: Changes,
    after_reset: bool,
    set_is_a_clause: bool,
    /// For the SQL around the string that is being read.
    outer_clauses: Vec<bool>,
}

impl StatementReader {
    fn read(&mut self, token: &Token<'_>) {
        let is_insert = *self.is_insert.get_or_insert(token.is("insert"));
        match token.kind {
            TokenKind::String if is_insert => self.after_reset = false,
            TokenKind::Word => self.read_word(token.source()),
            _ => read_words(token, &mut |part| self.read_part(part)),
        }
    }

    fn read_part(&mut self, part: Part<'_>) {
        match part {
            Part::Word(word) => return self.read_word(word),
            Part::StringStart => {
                self.outer_clauses.push(self.set_is_a_clause);
                self.set_is_a_clause = false;
            }
            Part::StringEnd => {
                self.set_is_a_clause = self.outer_clauses.pop().unwrap_or_default();
            }
            Part::Semicolon => self.set_is_a_clause = false,
            Part::Dot | Part::Other => {}
        }
        self.after_reset = false;
    }

    fn read_word(&mut self, word: &str) {
        if !matches!(word.len(), 3 | 5..=7 | 10) {
            self.after_reset = false;
            return;
        }
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        let after_reset = std::mem::take(&mut self.after_reset);
        let changes = match word.len() {
            3 if after_reset && is("all") => Changes::All,
            3 if is("set") && !self.set_is_a_clause => Changes::Mentioned,
            10 if is("set_config") => Changes::Mentioned,
            5 | 7 if is("reset") || is("discard") => {
                self.after_reset = true;
                Changes::Mentioned
            }
            5 | 6 if is("update") || is("alter") || is("create") || is("delete") => {
                self.set_is_a_clause = true;
                Changes::Nothing
            }
            _ => Changes::Nothing,
        };
        self.changes = self.changes.max(changes);
    }
}

/// Collects the names in SQL and its strings.
#[derive(Default)]
struct NameReader {
    names: MentionedNames,
    previous: String,
    after_dot: bool,
}

impl NameReader {
    fn read(&mut self, sql: &str, strings: Strings) {
        for token in Tokens::new(sql, strings).map_while(Result::ok) {
            read_words(&token, &mut |part| self.read_part(part));
        }
    }

    fn read_part(&mut self, part: Part<'_>) {
        match part {
            Part::Word(word) => {
                let word = word.to_ascii_lowercase();
                if self.after_dot {
                    self.names
                        .dotted
                        .insert(format!("{}.{word}", self.previous));
                }
                self.previous.clone_from(&word);
                self.names.words.insert(word);
                self.after_dot = false;
            }
            Part::Dot => self.after_dot = !self.previous.is_empty(),
            _ => {
                self.previous.clear();
                self.after_dot = false;
            }
        }
    }

    /// Adds the settings that have another name in a `SET`.
    fn finish(self) -> MentionedNames {
        let mut names = self.names;
        for (word, setting) in [
            ("zone", "timezone"),
            ("names", "client_encoding"),
            ("schema", "search_path"),
            ("authorization", "session_authorization"),
            ("isolation", "default_transaction_isolation"),
            ("only", "default_transaction_read_only"),
            ("deferrable", "default_transaction_deferrable"),
        ] {
            if names.words.contains(word) {
                names.words.insert(setting.to_owned());
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_change_a_setting_is_found() {
        for sql in [
            "SET search_path = a",
            "select 1; set local role x",
            "RESET ALL",
            "DISCARD ALL",
            "select set_config('a.b', 'c', false)",
            "DO $$ BEGIN PERFORM set_config('a', 'b', true); END $$",
            "DO $$ BEGIN EXECUTE 'SET ROLE x'; END $$",
            "DO $a$ BEGIN IF true THEN SET ROLE x; END IF; END $a$",
            "UPDATE t SET a = 1; SET ROLE x",
        ] {
            assert!(
                mentioned_settings(sql, Strings::Standard).is_some(),
                "{sql}"
            );
        }
    }

    #[test]
    fn set_clauses_and_comments_do_not_count() {
        for sql in [
            "UPDATE t SET a = 1",
            "ALTER TABLE t ALTER a SET NOT NULL",
            "-- SET ROLE x\nselect 1",
            "CREATE TABLE t (a int REFERENCES u ON DELETE SET NULL)",
            "select \"offset\" from t",
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE t SET a = 1; RETURN NEW; END $$",
            "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1",
        ] {
            assert_eq!(mentioned_settings(sql, Strings::Standard), None, "{sql}");
        }
    }

    fn names(sql: &str) -> MentionedNames {
        mentioned_settings(sql, Strings::Standard).unwrap()
    }

    fn dotted(names: &MentionedNames) -> Vec<&str> {
        names.dotted.iter().map(String::as_str).collect()
    }

    #[test]
    fn names_in_strings_are_collected() {
        let mentioned = names("SET TIME ZONE 'UTC'; select set_config('app.tenant', 'x', false)");
        assert_eq!(dotted(&mentioned), ["app.tenant"]);
        assert!(mentioned.words.contains("timezone"));
        let mentioned =
            names("DO $$ BEGIN EXECUTE 'SET app.a = ' || 'x'; SET app.b = $x$y$x$; END $$");
        assert_eq!(dotted(&mentioned), ["app.a", "app.b"]);
    }

    #[test]
    fn the_data_of_other_statements_is_no_name() {
        let data = "INSERT INTO t VALUES ('a@mail.example', 'SET the table.cloth'); INSERT INTO t VALUES ('host.example');";
        assert_eq!(mentioned_settings(data, Strings::Standard), None);
        let mentioned = names(&format!("SET app.tenant = 'x'; {data}"));
        assert_eq!(dotted(&mentioned), ["app.tenant"]);
        assert!(!mentioned.words.contains("host"));
        let mentioned = names("RESET ALL; SELECT 'app.tenant'");
        assert_eq!(dotted(&mentioned), ["app.tenant"]);
    }

    #[test]
    fn quotes_in_quotes_are_not_read_again_at_each_level() {
        let quotes = "'".repeat(200_000);
        assert_eq!(
            mentioned_settings(&format!("SELECT {quotes}"), Strings::Standard),
            None
        );
        let tags: Vec<_> = (0..20_000).map(|tag| format!("$a{tag}$")).collect();
        let backwards: Vec<_> = tags.iter().rev().cloned().collect();
        let nested = format!("DO {} SET {}", tags.concat(), backwards.concat());
        assert!(mentioned_settings(&nested, Strings::Standard).is_some());
    }
}
