//! Console blocks of a Markdown page: commands and the output that the page shows for them.

use crate::checkout::{Checkout, Outcome};

/// A step of a console block: a command and its expected standard output.
struct Step {
    line: usize,
    command: String,
    output: Vec<String>,
}

/// Runs the commands of all ` ```console ` blocks in order, in the checkout, and compares what they print.
///
/// A line `…` of the page stands for any number of lines. Versions of migrations, durations and the version of
/// PostgreSQL differ from run to run and are not compared.
///
/// # Panics
///
/// Panics with the expected and the actual output of each command that fails or prints something else.
pub fn assert_runs_as_shown(checkout: &Checkout, page: &str) {
    for Step {
        line,
        command,
        output,
    } in steps(page)
    {
        let mut shell = checkout.command("sh");
        shell.args(["-c", &command]).env("CARGO_TERM_QUIET", "true");
        let outcome = Outcome::of(shell).succeeded();
        let actual = outcome
            .stdout
            .trim_end()
            .lines()
            .map(mask)
            .collect::<Vec<_>>();
        let expected = output.iter().map(|line| mask(line)).collect::<Vec<_>>();
        assert!(
            matches(&expected, &actual),
            "line {line}: `{command}` prints something else\n--- expected\n{}\n--- actual\n{}\n--- stderr\n{}",
            output.join("\n"),
            outcome.stdout,
            outcome.stderr
        );
    }
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut in_block = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            in_block = line == "```console";
        } else if !in_block {
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: index + 1,
                command: command.to_owned(),
                output: Vec::new(),
            });
        } else if let Some(step) = steps.last_mut() {
            step.output.push(line.to_owned());
        }
    }
    for step in &mut steps {
        while step.output.last().is_some_and(String::is_empty) {
            step.output.pop();
        }
    }
    steps
}

/// Whether the lines are the same, where `…` stands for any number of lines.
fn matches(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((line, rest)) if line == "…" => {
            (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..]))
        }
        Some((line, rest)) => actual
            .split_first()
            .is_some_and(|(first, others)| first == line && matches(rest, others)),
    }
}

/// Replaces what differs from run to run: `2026-11-25-084251`, `12 ms`, `1.3 s`, `PostgreSQL 15.4`, and `PGlite`, which is
/// the embedded database on a machine without PostgreSQL.
fn mask(line: &str) -> String {
    let words = line.split(' ').collect::<Vec<_>>();
    let is_number = |word: &str| {
        !word.is_empty()
            && word
                .trim_end_matches(['.', ','])
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.')
    };
    let masked = words.iter().enumerate().filter_map(|(index, word)| {
        let unit = words
            .get(index + 1)
            .is_some_and(|unit| ["ms", "s"].contains(&unit.trim_end_matches(['.', ',', ')'])));
        let product = index > 0 && words[index - 1] == "PostgreSQL";
        if ["PGlite", "PostgreSQL"].contains(&word.trim_end_matches('.')) {
            Some("PostgreSQL".to_owned())
        } else if is_number(word) && product {
            None
        } else if is_number(word) && unit {
            Some("#".to_owned())
        } else {
            Some(mask_versions(word))
        }
    });
    masked.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn mask_versions(word: &str) -> String {
    const VERSION: &[u8] = b"0000-00-00-000000";
    let is_version = |bytes: &[u8]| {
        bytes.len() == VERSION.len()
            && bytes
                .iter()
                .zip(VERSION)
                .all(|(byte, form)| byte == form || *form == b'0' && byte.is_ascii_digit())
    };
    let found = word.as_bytes().windows(VERSION.len()).position(is_version);
    match found {
        Some(start) => format!(
            "{}VERSION{}",
            &word[..start],
            &word[start + VERSION.len()..]
        ),
        None => word.to_owned(),
    }
}

#[test]
fn an_ellipsis_stands_for_lines_and_versions_and_durations_are_not_compared() {
    let lines = |text: &str| text.lines().map(mask).collect::<Vec<_>>();
    let same = |expected: &str, actual: &str| matches(&lines(expected), &lines(actual));
    assert!(same("a\n…\nd", "a\nb\nc\nd") && same("…\nd", "d") && !same("a\n…", "b"));
    assert!(same(
        "billing 2026-01-01-000000_create reverted in 12 ms",
        "billing 2027-12-31-235959_create reverted in 3 ms"
    ));
    assert!(!same("applied 11 migrations", "applied 12 migrations"));
    assert!(same(
        "the embedded PostgreSQL 15.",
        "the embedded PostgreSQL 17.1."
    ));
    assert!(same("stopped PostgreSQL 15.", "stopped PGlite."));
    assert!(same("stopped PostgreSQL.", "stopped PGlite."));
}
