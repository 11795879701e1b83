use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprMethodCall, Item, Lit, LitStr};
use watertight_metadata::PluginId;

use crate::output::hint::{hinted, plugin_id};

const CONSTANT: &str = "PLUGIN_METADATA";
const HINT: &str = "write the constant `PLUGIN_METADATA` as `PluginMetadata::new(\"my-feature\")`, followed by \
                    `.depends_on(&[\"other\"])` if it depends on other plugins";

/// The metadata in a plugin's `src/plugin_metadata.rs`, read without compiling it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PluginSource {
    pub(super) id: PluginId,
    pub(super) dependencies: Vec<PluginId>,
}

impl PluginSource {
    /// Reads `file`, whose path in the workspace is `relative`.
    ///
    /// # Errors
    ///
    /// Names the line that is not a literal as expected.
    pub(super) fn read(file: &Path, relative: &Path) -> Result<Self> {
        let source = fs::read_to_string(file)
            .with_context(|| format!("failed to read {}", relative.display()))?;
        Self::parse(&source, relative)
    }

    fn parse(source: &str, relative: &Path) -> Result<Self> {
        let reader = Reader {
            path: relative.to_owned(),
        };
        let file = syn::parse_file(source)
            .map_err(|error| anyhow!("{}: {error}", reader.failed(error.span())))?;
        let constant = file
            .items
            .iter()
            .find_map(|item| match item {
                Item::Const(item) if item.ident == CONSTANT => Some(item),
                _ => None,
            })
            .ok_or_else(|| {
                let path = relative.display();
                hinted(
                    format!("failed to find the constant `{CONSTANT}` in {path}"),
                    HINT,
                )
            })?;
        let mut dependencies = Vec::new();
        let mut value = &*constant.expr;
        while let Expr::MethodCall(call) = value {
            ensure!(
                call.method == "depends_on",
                reader.unexpected(call.method.span(), "this call is not known")
            );
            dependencies = reader.dependencies(call)?;
            value = &call.receiver;
        }
        Ok(Self {
            id: reader.id_of_new(value)?,
            dependencies,
        })
    }
}

struct Reader {
    path: PathBuf,
}

impl Reader {
    fn id_of_new(&self, value: &Expr) -> Result<PluginId> {
        if let Expr::Call(call) = value
            && let Expr::Path(function) = &*call.func
            && function
                .path
                .segments
                .last()
                .is_some_and(|name| name.ident == "new")
            && let Some(id) = call.args.first().and_then(literal)
            && call.args.len() == 1
        {
            return self.id(id);
        }
        let reason = "this is not a call of `new` with a literal id";
        Err(self.unexpected(value.span(), reason))
    }

    fn dependencies(&self, call: &ExprMethodCall) -> Result<Vec<PluginId>> {
        let unexpected = || self.unexpected(call.span(), "`depends_on` has no literal list of ids");
        let Some(Expr::Reference(list)) = call.args.first() else {
            return Err(unexpected());
        };
        let Expr::Array(list) = &*list.expr else {
            return Err(unexpected());
        };
        list.elems
            .iter()
            .map(|id| self.id(literal(id).ok_or_else(unexpected)?))
            .collect()
    }

    fn id(&self, id: &LitStr) -> Result<PluginId> {
        plugin_id(&id.value()).with_context(|| self.failed(id.span()))
    }

    fn unexpected(&self, span: Span, reason: &str) -> anyhow::Error {
        hinted(format!("{}: {reason}", self.failed(span)), HINT)
    }

    fn failed(&self, span: Span) -> String {
        let line = span.start().line;
        format!("failed to read {}:{line}", self.path.display())
    }
}

fn literal(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(string),
            ..
        }) => Some(string),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn parse(text: &str) -> Result<PluginSource> {
        PluginSource::parse(text, Path::new("plugins/a/src/plugin_metadata.rs"))
    }

    fn error(text: &str) -> String {
        format!("{:#}", parse(text).unwrap_err())
    }

    #[test]
    fn id_and_dependencies_are_found_among_other_items() {
        let source = parse(
            "//! Docs.\nuse watertight_metadata::PluginMetadata;\nconst OTHER: u8 = 1;\n\
             /// The plugin.\npub const PLUGIN_METADATA: PluginMetadata =\n    \
             PluginMetadata::new(\"orders\").depends_on(&[\"auth\", \"catalog\"]);\n",
        )
        .unwrap();
        assert_eq!(source.id, PluginId::new("orders"));
        assert_eq!(source.dependencies, ["auth", "catalog"].map(PluginId::new));
    }

    #[test]
    fn a_path_before_new_does_not_matter() {
        let source = parse(
            "pub const PLUGIN_METADATA: M = watertight_metadata::PluginMetadata::new(\"a\");",
        );
        assert_eq!(source.unwrap().dependencies, []);
    }

    #[test]
    fn an_invalid_id_is_named_with_its_line() {
        assert_snapshot!(
            error("\nconst PLUGIN_METADATA: M = M::new(\"My_Feature\");"),
            @r#"failed to read plugins/a/src/plugin_metadata.rs:2: failed to read "My_Feature" as a plugin id: a plugin id is lower case"#
        );
    }

    #[test]
    fn an_id_that_is_not_literal_is_an_error() {
        assert_snapshot!(
            error("const PLUGIN_METADATA: M = M::new(ID);"),
            @"failed to read plugins/a/src/plugin_metadata.rs:1: this is not a call of `new` with a literal id"
        );
        assert!(
            error("const PLUGIN_METADATA: M = M::new(\"a\").depends_on(LIST);")
                .contains("literal list")
        );
        assert!(error("const PLUGIN_METADATA: M = M::new(\"a\").other();").contains("not known"));
    }

    #[test]
    fn a_file_without_the_constant_or_that_is_not_rust_is_an_error() {
        assert!(error("const OTHER: u8 = 1;").starts_with("failed to find the constant"));
        assert!(
            error("\n\nconst = ;")
                .starts_with("failed to read plugins/a/src/plugin_metadata.rs:3: ")
        );
    }
}
