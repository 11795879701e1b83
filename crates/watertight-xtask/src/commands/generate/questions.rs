use anyhow::{Context, Result};
use dialoguer::Select;
use dialoguer::theme::ColorfulTheme;
use watertight_schema::{RenameAnswers, RenameQuestion};

/// Asks on the terminal, and adds what is said to the answers.
pub(super) fn ask(question: &RenameQuestion, answers: &mut RenameAnswers) -> Result<()> {
    let gone = &question.gone;
    let mut items: Vec<String> = question
        .candidates
        .iter()
        .map(|candidate| format!("renamed to {candidate}"))
        .collect();
    items.push("dropped".to_owned());
    let chosen = Select::with_theme(&ColorfulTheme::default())
        .with_prompt(format!("{gone} is gone. It is"))
        .items(&items)
        .default(0)
        .interact()
        .context("failed to ask; answer with `--rename` and `--drop`")?;
    match question.candidates.get(chosen) {
        Some(candidate) => answers.renamed.push((gone.clone(), candidate.clone())),
        None => answers.dropped.push(gone.clone()),
    }
    Ok(())
}

/// What to say where nobody can be asked.
pub(super) fn unanswered(questions: &[RenameQuestion]) -> String {
    let mut text = "failed to tell what is renamed from what is dropped:\n".to_owned();
    for question in questions {
        let gone = &question.gone;
        let renames = question
            .candidates
            .iter()
            .map(|new| format!("`--rename {gone}={new}`"));
        let renames: Vec<_> = renames.collect();
        text.push_str("  ");
        text.push_str(&question.to_string());
        text.push_str("; say ");
        text.push_str(&renames.join(" or "));
        text.push_str(", or `--drop ");
        text.push_str(gone);
        text.push_str("`\n");
    }
    text + "run it again with these"
}
