use squawk_lexer::{LiteralKind, TokenKind};

use super::tokens::tokens;

/// The names in a migration that may be settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MentionedNames {
    /// The distinct words, in lower case. Settings among them are restored even if they look unchanged, because a
    /// `SET LOCAL` may hide a `SET`.
    pub(crate) words: Vec<String>,
    /// The distinct `prefix.name` pairs, because `pg_settings` does not list custom settings.
    pub(crate) dotted: Vec<String>,
}

/// Returns the names in `sql` if it may change settings. A false positive costs one query.
///
/// It may change settings if `SET`, `RESET`, `DISCARD` or `set_config` occurs in it, also in strings and function
/// bodies but not in comments. The `SET` clauses of `UPDATE`, `ALTER`, `CREATE` and `DELETE` do not count.
pub(crate) fn mentioned_settings(sql: &str) -> Option<MentionedNames> {
    let mut reader = Reader::default();
    reader.read(sql);
    if !reader.changes_settings {
        return None;
    }
    for (word, setting) in [
        ("zone", "timezone"),
        ("names", "client_encoding"),
        ("schema", "search_path"),
        ("authorization", "session_authorization"),
        ("isolation", "default_transaction_isolation"),
        ("only", "default_transaction_read_only"),
        ("deferrable", "default_transaction_deferrable"),
    ] {
        if reader.words.iter().any(|mentioned| mentioned == word) {
            reader.words.push(setting.to_owned());
        }
    }
    reader.words.sort();
    reader.words.dedup();
    reader.dotted.sort();
    reader.dotted.dedup();
    Some(MentionedNames {
        words: reader.words,
        dotted: reader.dotted,
    })
}

#[derive(Default)]
struct Reader {
    changes_settings: bool,
    words: Vec<String>,
    dotted: Vec<String>,
}

impl Reader {
    fn read(&mut self, sql: &str) {
        // Reset at the end of each statement.
        let mut set_is_a_clause = false;
        let mut previous_name: Option<String> = None;
        let mut after_dot = false;
        for token in tokens(sql).map_while(Result::ok) {
            match token.kind {
                TokenKind::Ident | TokenKind::QuotedIdent { .. } => {
                    let word = token.source.trim_matches('"').to_ascii_lowercase();
                    match word.as_str() {
                        "reset" | "discard" | "set_config" => self.changes_settings = true,
                        "set" if !set_is_a_clause => self.changes_settings = true,
                        "update" | "alter" | "create" | "delete" => set_is_a_clause = true,
                        _ => {}
                    }
                    if after_dot && let Some(before) = &previous_name {
                        self.dotted.push(format!("{before}.{word}"));
                    }
                    self.words.push(word.clone());
                    previous_name = Some(word);
                    after_dot = false;
                    continue;
                }
                TokenKind::Dot if previous_name.is_some() => {
                    after_dot = true;
                    continue;
                }
                TokenKind::Semi => set_is_a_clause = false,
                TokenKind::Literal { kind } => {
                    if let Some(content) = content(kind, token.source) {
                        self.read(content);
                    }
                }
                _ => {}
            }
            previous_name = None;
            after_dot = false;
        }
    }
}

/// Returns the part of a string literal between the quotes.
fn content(kind: LiteralKind, literal: &str) -> Option<&str> {
    let delimiter = match kind {
        LiteralKind::DollarQuotedString { .. } => &literal[..=literal[1..].find('$')? + 1],
        LiteralKind::Str { .. }
        | LiteralKind::EscStr { .. }
        | LiteralKind::UnicodeEscStr { .. } => "'",
        _ => return None,
    };
    let (_, rest) = literal.split_once(delimiter)?;
    rest.strip_suffix(delimiter)
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
            assert!(mentioned_settings(sql).is_some(), "{sql}");
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
            assert_eq!(mentioned_settings(sql), None, "{sql}");
        }
    }

    #[test]
    fn names_in_strings_are_collected() {
        let mentioned =
            mentioned_settings("SET TIME ZONE 'UTC'; select set_config('app.tenant', 'x', false)")
                .unwrap();
        assert_eq!(mentioned.dotted, ["app.tenant"]);
        assert!(mentioned.words.contains(&"timezone".to_owned()));
    }
}
