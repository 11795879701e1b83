use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{error, fs};

use anyhow::{Context, Result, anyhow, ensure};
use convert_case::Case;
use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use walkdir::WalkDir;

use crate::generator::case::to_case;
use crate::generator::file_plan::NewFile;
use crate::workspace::is_below;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// A file whose name ends so is rendered, and written without the ending. Any other is written as it is.
const SUFFIX: &str = ".jinja";

/// Renders a set of templates: `plugin`, `plugin-server` or `migration`.
///
/// A file in the folder `overrides`, in a folder named as the set, takes the place of the embedded one of
/// the same name; a file with another name is added. Names of files and folders are templates too.
///
/// # Errors
///
/// Names the template and the line.
pub(crate) fn render(set: &str, overrides: &Path, values: &impl Serialize) -> Result<Vec<NewFile>> {
    let mut sources = BTreeMap::new();
    collect_embedded(
        EMBEDDED.get_dir(set).expect("the set is embedded"),
        set,
        &mut sources,
    )?;
    collect_overrides(&overrides.join(set), &mut sources)?;

    let place = |name: &str| {
        let own = overrides.join(set).join(name);
        if own.exists() {
            own.display().to_string()
        } else {
            format!("{set}/{name}")
        }
    };
    let environment = environment();
    let values = Value::from(Serde(values));
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (name, source) in sources {
        let path = environment
            .render_named_str(&name, &name, values.clone())
            .map_err(|error| render_error("the name of template", &place(&name), &name, &error))?;
        let (path, text) = match path.strip_suffix(SUFFIX) {
            None => (path, source),
            Some(path) => {
                let text = environment
                    .render_named_str(&name, &source, values.clone())
                    .map_err(|error| render_error("template", &place(&name), &source, &error))?;
                (path.to_owned(), text)
            }
        };
        let path = PathBuf::from(path);
        ensure!(
            is_below(&path),
            "failed to render template {name}: its name becomes {:?}, which is not a path below the new folder",
            path.display()
        );
        ensure!(
            files.insert(path.clone(), text).is_none(),
            "failed to render template {name}: another one is written to {} too",
            path.display()
        );
    }
    Ok(files
        .into_iter()
        .map(|(path, text)| NewFile { path, text })
        .collect())
}

fn collect_embedded(
    dir: &Dir<'_>,
    set: &str,
    sources: &mut BTreeMap<String, String>,
) -> Result<()> {
    for file in dir.files() {
        let name = name(file.path().strip_prefix(set)?)?;
        let text = file.contents_utf8().expect("embedded templates are UTF-8");
        sources.insert(name, text.to_owned());
    }
    dir.dirs()
        .try_for_each(|dir| collect_embedded(dir, set, sources))
}

fn collect_overrides(folder: &Path, sources: &mut BTreeMap<String, String>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in WalkDir::new(folder).follow_links(true) {
        let entry = entry.with_context(|| format!("failed to read {}", folder.display()))?;
        if entry.file_type().is_file() {
            let path = entry.path();
            let text = fs::read_to_string(path)
                .with_context(|| format!("failed to read template {}", path.display()))?;
            sources.insert(
                name(path.strip_prefix(folder)?)?,
                text.replace("\r\n", "\n"),
            );
        }
    }
    Ok(())
}

fn name(path: &Path) -> Result<String> {
    let name = path.to_str().ok_or_else(|| {
        anyhow!(
            "failed to read template {}: its name is not UTF-8",
            path.display()
        )
    })?;
    Ok(name.replace('\\', "/"))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the delimiters are the default ones"));
    // Nothing is escaped because of what a file is called; `toml` and `markdown` are asked for by name.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    for (name, case) in [
        ("snake", Case::Snake),
        ("upper_snake", Case::UpperSnake),
        ("kebab", Case::Kebab),
        ("pascal", Case::Pascal),
        ("camel", Case::Camel),
        ("title", Case::Title),
        ("sentence", Case::Sentence),
    ] {
        environment.add_filter(name, move |text: String| to_case(&text, case));
    }
    environment.add_filter("toml", |text: String| {
        toml_edit::Value::from(text).to_string()
    });
    environment.add_filter("markdown", |text: String| escape_markdown(&text));
    environment
}

/// `text` as one Markdown paragraph that shows it as it is.
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::new();
    for (index, c) in text.char_indices() {
        let anywhere = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '&');
        let at_the_start = index == 0 && matches!(c, '#' | '+' | '-' | '>' | '=' | '~' | '|');
        if anywhere || at_the_start {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn render_error(what: &str, place: &str, source: &str, error: &minijinja::Error) -> anyhow::Error {
    let number = error.line();
    let line = number.map(|line| format!(":{line}")).unwrap_or_default();
    let mut reason = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    if let Some(cause) = error::Error::source(error) {
        reason = format!("{reason}: {cause}");
    }
    if let Some(text) = number.and_then(|number| source.lines().nth(number - 1)) {
        reason = format!("{reason} in `{}`", text.trim());
    }
    anyhow!("failed to render {what} {place}{line}: {reason}; correct the template")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn values() -> serde_json::Value {
        json!({ "version": "2026-01-01-000000", "name": "a", "schema": "plugin_a", "transaction": true })
    }

    fn overrides(files: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn rendered(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let files = render("migration", overrides(files).path(), &values()).unwrap();
        files
            .into_iter()
            .map(|file| (file.path.display().to_string(), file.text))
            .collect()
    }

    fn error(files: &[(&str, &str)]) -> String {
        let folder = overrides(files);
        render("migration", folder.path(), &values())
            .unwrap_err()
            .to_string()
            .replace(&folder.path().display().to_string(), "[OWN]")
    }

    #[test]
    fn a_file_of_the_same_name_overrides_and_another_is_added() {
        let files = rendered(&[
            ("migration/up.sql.jinja", "-- {{ schema }}\n"),
            ("migration/docs/{{ name }}.md", "{{ left alone }}"),
            ("plugin/up.sql.jinja", "not of this set"),
        ]);
        assert!(files.contains(&("up.sql".into(), "-- plugin_a\n".into())));
        assert!(files.contains(&("docs/a.md".into(), "{{ left alone }}".into())));
        assert!(files.iter().any(|(path, _)| path == "down.sql"));
    }

    #[test]
    fn an_unknown_variable_is_named_with_template_and_line() {
        insta::assert_snapshot!(
            error(&[("migration/up.sql.jinja", "--\n{{ sehcma }}")]),
            @"failed to render template [OWN]/migration/up.sql.jinja:2: undefined value in `{{ sehcma }}`; correct the template"
        );
        insta::assert_snapshot!(
            error(&[("migration/{{ nmae }}.sql", "")]),
            @"failed to render the name of template [OWN]/migration/{{ nmae }}.sql:1: undefined value in `{{ nmae }}.sql`; correct the template"
        );
    }

    #[test]
    fn a_template_that_does_not_parse_is_named_with_its_line() {
        insta::assert_snapshot!(
            error(&[("migration/up.sql.jinja", "--\n{% if %}")]),
            @"failed to render template [OWN]/migration/up.sql.jinja:2: syntax error: unexpected end of block in `{% if %}`; correct the template"
        );
    }

    #[test]
    fn no_name_leads_out_of_the_new_folder_or_to_another_file() {
        assert!(error(&[("migration/{{ '..' }}/x", "")]).contains("not a path below"));
        assert!(error(&[("migration/up.sql", "")]).contains("another one"));
    }

    #[test]
    fn markdown_shows_a_text_as_it_is() {
        assert_eq!(
            escape_markdown("# a_b <c> [d](e) #"),
            "\\# a\\_b \\<c> \\[d\\](e) #"
        );
    }
}
