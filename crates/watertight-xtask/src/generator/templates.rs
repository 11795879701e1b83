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
use crate::output::hint::hinted;
use crate::workspace::is_below;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The suffix of files that are rendered, and written without it. Other files are copied.
const SUFFIX: &str = ".jinja";

/// Renders a set of templates: `plugin`, `plugin-server` or `migration`.
///
/// A file in the folder `overrides`, in a folder with the name of the set, replaces the embedded one of the same name. A
/// file with another name is added. Names of files and folders are templates too.
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

    let location = |name: &str| {
        let override_file = overrides.join(set).join(name);
        if override_file.exists() {
            override_file.display().to_string()
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
            .map_err(|error| {
                render_error("the name of template", &location(&name), &name, &error)
            })?;
        let (path, contents) = match path.strip_suffix(SUFFIX) {
            None => (path, source),
            Some(path) => {
                let contents = environment
                    .render_named_str(&name, &source, values.clone())
                    .map_err(|error| render_error("template", &location(&name), &source, &error))?;
                (path.to_owned(), contents)
            }
        };
        let path = PathBuf::from(path);
        ensure!(
            is_below(&path),
            "failed to render template {name}: its name becomes {:?}, which is not a path in the new folder",
            path.display()
        );
        ensure!(
            files.insert(path.clone(), contents).is_none(),
            "failed to render template {name}: another template is written to {} too",
            path.display()
        );
    }
    Ok(files
        .into_iter()
        .map(|(path, contents)| NewFile { path, contents })
        .collect())
}

fn collect_embedded(
    dir: &Dir<'_>,
    set: &str,
    sources: &mut BTreeMap<String, String>,
) -> Result<()> {
    for file in dir.files() {
        let name = name(file.path().strip_prefix(set)?)?;
        let source = file.contents_utf8().expect("embedded templates are UTF-8");
        sources.insert(name, source.to_owned());
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
            let source = fs::read_to_string(path)
                .with_context(|| format!("failed to read template {}", path.display()))?;
            sources.insert(
                name(path.strip_prefix(folder)?)?,
                source.replace("\r\n", "\n"),
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
    // File names do not choose an escaping; templates use the filters `toml` and `markdown`.
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
        environment.add_filter(name, move |name: String| to_case(&name, case));
    }
    environment.add_filter("toml", |value: String| {
        toml_edit::Value::from(value).to_string()
    });
    environment.add_filter("markdown", |value: String| escape_markdown(&value));
    environment
}

/// Escapes a line so that Markdown shows it unchanged.
fn escape_markdown(line: &str) -> String {
    let mut escaped = String::new();
    for (index, c) in line.char_indices() {
        let special = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '&');
        let special_at_the_start =
            index == 0 && matches!(c, '#' | '+' | '-' | '>' | '=' | '~' | '|');
        if special || special_at_the_start {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn render_error(
    what: &str,
    location: &str,
    source: &str,
    error: &minijinja::Error,
) -> anyhow::Error {
    let number = error.line();
    let line = number.map(|line| format!(":{line}")).unwrap_or_default();
    let mut reason = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    if let Some(cause) = error::Error::source(error) {
        reason = format!("{reason}: {cause}");
    }
    if let Some(line) = number.and_then(|number| source.lines().nth(number - 1)) {
        reason = format!("{reason} in `{}`", line.trim());
    }
    hinted(
        format!("failed to render {what} {location}{line}: {reason}"),
        "correct the template",
    )
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
        for (path, contents) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        folder
    }

    fn rendered(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let files = render("migration", overrides(files).path(), &values()).unwrap();
        files
            .into_iter()
            .map(|file| (file.path.display().to_string(), file.contents))
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
            ("plugin/up.sql.jinja", "of another set"),
        ]);
        assert!(files.contains(&("up.sql".into(), "-- plugin_a\n".into())));
        assert!(files.contains(&("docs/a.md".into(), "{{ left alone }}".into())));
        assert!(files.iter().any(|(path, _)| path == "down.sql"));
    }

    #[test]
    fn an_error_names_the_template_and_line_of_an_unknown_variable() {
        insta::assert_snapshot!(
            error(&[("migration/up.sql.jinja", "--\n{{ sehcma }}")]),
            @"failed to render template [OWN]/migration/up.sql.jinja:2: undefined value in `{{ sehcma }}`"
        );
        insta::assert_snapshot!(
            error(&[("migration/{{ nmae }}.sql", "")]),
            @"failed to render the name of template [OWN]/migration/{{ nmae }}.sql:1: undefined value in `{{ nmae }}.sql`"
        );
    }

    #[test]
    fn an_error_names_the_line_of_a_template_that_does_not_parse() {
        insta::assert_snapshot!(
            error(&[("migration/up.sql.jinja", "--\n{% if %}")]),
            @"failed to render template [OWN]/migration/up.sql.jinja:2: syntax error: unexpected end of block in `{% if %}`"
        );
    }

    #[test]
    fn a_name_that_leaves_the_folder_or_is_used_twice_is_an_error() {
        assert!(error(&[("migration/{{ '..' }}/x", "")]).contains("not a path in the new folder"));
        assert!(error(&[("migration/up.sql", "")]).contains("another template"));
    }

    #[test]
    fn markdown_shows_a_line_unchanged() {
        assert_eq!(
            escape_markdown("# a_b <c> [d](e) #"),
            "\\# a\\_b \\<c> \\[d\\](e) #"
        );
    }
}
