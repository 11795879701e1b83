use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprMethodCall, Item, Lit, LitStr};
use watertight_metadata::PluginId;

const CONSTANT: &str = "PLUGIN_METADATA";
const SHAPE: &str =
    "`PluginMetadata::new(\"my-feature\")`, with `.depends_on(&[\"other\"])` after it where needed";

/// What a plugin's `src/plugin_metadata.rs` says, read without compiling it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PluginSource {
    pub(crate) id: PluginId,
    pub(crate) dependencies: Vec<PluginId>,
}

impl PluginSource {
    /// Reads `file`. Errors call it by `shown`, its path in the workspace.
    pub(crate) fn read(file: &Path, shown: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("failed to read {}", shown.display()))?;
        Self::parse(&text, shown)
    }

    fn parse(text: &str, shown: &Path) -> Result<Self> {
        let reader = Reader {
            shown: shown.to_owned(),
        };
        let file = syn::parse_file(text)
            .map_err(|error| reader.error(error.span(), &error.to_string()))?;
        let constant = file
            .items
            .iter()
            .find_map(|item| match item {
                Item::Const(item) if item.ident == CONSTANT => Some(item),
                _ => None,
            })
            .ok_or_else(|| {
                anyhow!(
                    "failed to find the constant `{CONSTANT}` in {}; write it there as {SHAPE}",
                    shown.display()
                )
            })?;
        let mut dependencies = Vec::new();
        let mut value = &*constant.expr;
        while let Expr::MethodCall(call) = value {
            ensure!(
                call.method == "depends_on",
                reader.error(call.method.span(), "this call is not known")
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
    shown: PathBuf,
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
        Err(self.error(
            value.span(),
            "this is not a call of `new` with a literal id",
        ))
    }

    fn dependencies(&self, call: &ExprMethodCall) -> Result<Vec<PluginId>> {
        let wrong = || self.error(call.span(), "`depends_on` has no literal list of ids");
        let Some(Expr::Reference(list)) = call.args.first() else {
            return Err(wrong());
        };
        let Expr::Array(list) = &*list.expr else {
            return Err(wrong());
        };
        list.elems
            .iter()
            .map(|id| self.id(literal(id).ok_or_else(wrong)?))
            .collect()
    }

    fn id(&self, id: &LitStr) -> Result<PluginId> {
        PluginId::parse(&id.value()).map_err(|error| {
            anyhow!(
                "failed to read {}:{}: {error}; {}",
                self.shown.display(),
                line(id.span()),
                error.hint()
            )
        })
    }

    fn error(&self, place: proc_macro2::Span, reason: &str) -> anyhow::Error {
        anyhow!(
            "failed to read {}:{}: {reason}; write the constant `{CONSTANT}` as {SHAPE}",
            self.shown.display(),
            line(place)
        )
    }
}

fn line(place: proc_macro2::Span) -> usize {
    place.start().line
}

fn literal(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text),
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
            @r#"failed to read plugins/a/src/plugin_metadata.rs:2: failed to read "My_Feature" as a plugin id: a plugin id is lower case; did you mean `my-feature`?"#
        );
    }

    #[test]
    fn an_id_that_is_not_literal_is_an_error() {
        assert_snapshot!(
            error("const PLUGIN_METADATA: M = M::new(ID);"),
            @r#"failed to read plugins/a/src/plugin_metadata.rs:1: this is not a call of `new` with a literal id; write the constant `PLUGIN_METADATA` as `PluginMetadata::new("my-feature")`, with `.depends_on(&["other"])` after it where needed"#
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
