use anyhow::{Context, Result};
use dialoguer::Select;
use dialoguer::theme::ColorfulTheme;
use watertight_schema::{RenameAnswers, RenameQuestion};

use crate::output::hint::Hint as _;

/// Asks a question on the terminal, and adds the answer.
pub(super) fn ask(question: &RenameQuestion, answers: &mut RenameAnswers) -> Result<()> {
    let removed = &question.removed;
    let mut items: Vec<String> = question
        .candidates
        .iter()
        .map(|candidate| format!("renamed to {candidate}"))
        .collect();
    items.push("dropped".to_owned());
    let chosen = Select::with_theme(&ColorfulTheme::default())
        .with_prompt(format!("{removed} is gone. It was"))
        .items(&items)
        .default(0)
        .interact()
        .context("failed to ask")
        .hint("answer with `--rename` and `--drop`")?;
    match question.candidates.get(chosen) {
        Some(candidate) => answers.renamed.push((removed.clone(), candidate.clone())),
        None => answers.dropped.push(removed.clone()),
    }
    Ok(())
}

/// Returns the message when no user can be asked.
pub(super) fn unanswered(questions: &[RenameQuestion]) -> String {
    let questions = questions.iter().map(|question| format!("\n  {question}"));
    let questions: String = questions.collect();
    format!("failed to distinguish renamed from dropped tables and columns:{questions}")
}

/// Returns the options that answer the questions.
pub(super) fn answers(questions: &[RenameQuestion]) -> String {
    let options = questions.iter().map(|question| {
        let removed = &question.removed;
        let renames = question
            .candidates
            .iter()
            .map(|new| format!("`--rename {removed}={new}`"));
        let options: Vec<_> = renames.chain([format!("`--drop {removed}`")]).collect();
        options.join(" or ")
    });
    let options: Vec<_> = options.collect();
    format!("run the command again with {}", options.join(", and "))
}
