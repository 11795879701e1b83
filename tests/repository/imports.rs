//! Imports between the files of a crate: no cycles, and no import of a command by what commands use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use walkdir::WalkDir;

use crate::root;

/// A path of names, such as `crate::a::b` without `crate`.
type Names = Vec<String>;

/// A file of a crate and what it says about modules.
#[derive(Default)]
struct File {
    /// The paths that it uses, from the crate's root.
    uses: BTreeSet<Names>,
    /// What it re-exports, by name. `*` has several.
    reexports: Vec<(String, Names)>,
    /// The names of its own items.
    items: BTreeSet<String>,
}

/// The files of a crate by their module paths.
struct Crate(BTreeMap<Names, File>);

impl Crate {
    fn read(source: &Path) -> Self {
        let files = WalkDir::new(source)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| {
                // A program of a crate that is a library is a crate of its own.
                let name = entry.path().strip_prefix(source).unwrap();
                name.extension().is_some_and(|extension| extension == "rs")
                    && (name != Path::new("main.rs") || !source.join("lib.rs").exists())
            });
        let sources: BTreeMap<Names, String> = files
            .map(|entry| {
                let relative = entry
                    .path()
                    .strip_prefix(source)
                    .unwrap()
                    .with_extension("");
                let mut module: Names = relative
                    .iter()
                    .map(|name| name.to_str().unwrap().to_owned())
                    .collect();
                if ["lib", "main", "mod"].contains(&module.last().unwrap().as_str()) {
                    module.pop();
                }
                (module, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        let modules: BTreeSet<Names> = sources.keys().cloned().collect();
        let files = sources.into_iter().map(|(module, source)| {
            let mut reader = Reader {
                modules: &modules,
                module: module.clone(),
                depth: 0,
                file: File::default(),
            };
            reader.read(source.parse().unwrap());
            (module, reader.file)
        });
        Self(files.collect())
    }

    /// The file that defines what a path names, through re-exports.
    fn definition(&self, path: &[String], depth: usize) -> Option<Names> {
        let length = (0..=path.len())
            .rev()
            .find(|length| self.0.contains_key(&path[..*length]))?;
        let module = path[..length].to_vec();
        let Some(name) = path.get(length).filter(|_| depth < 10) else {
            return Some(module);
        };
        let file = &self.0[&module];
        if !file.items.contains(name) {
            for (exported, target) in &file.reexports {
                if exported == name {
                    return self.definition(target, depth + 1);
                }
                if exported == "*"
                    && self
                        .0
                        .get(target)
                        .is_some_and(|file| file.items.contains(name))
                {
                    return Some(target.clone());
                }
            }
        }
        Some(module)
    }

    /// The files that each file imports from.
    fn imports(&self) -> BTreeMap<Names, BTreeSet<Names>> {
        let imports = self.0.iter().map(|(module, file)| {
            let definitions = file.uses.iter().filter_map(|path| self.definition(path, 0));
            (
                module.clone(),
                definitions.filter(|other| other != module).collect(),
            )
        });
        imports.collect()
    }
}

struct Reader<'a> {
    modules: &'a BTreeSet<Names>,
    module: Names,
    /// How many inline modules are around the current position.
    depth: usize,
    file: File,
}

impl Reader<'_> {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            let before = index
                .checked_sub(1)
                .map(|index| tokens[index].to_string())
                .unwrap_or_default();
            match &tokens[index] {
                TokenTree::Group(group)
                    if before == "#" && group.stream().to_string() == "cfg (test)" =>
                {
                    index += tokens[index..]
                        .iter()
                        .position(ends_item)
                        .unwrap_or(tokens.len() - index);
                }
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Ident(ident) if ident == "use" => {
                    let length = tokens[index..]
                        .iter()
                        .position(|token| token.to_string() == ";");
                    let length = length.unwrap_or(tokens.len() - index);
                    let is_public = before == "pub" || before.starts_with('(');
                    self.read_use(&tokens[index + 1..index + length], is_public);
                    index += length;
                }
                TokenTree::Ident(ident) if ident == "mod" && is_brace(tokens.get(index + 2)) => {
                    let TokenTree::Group(group) = &tokens[index + 2] else {
                        unreachable!()
                    };
                    self.depth += 1;
                    self.read(group.stream());
                    self.depth -= 1;
                    index += 2;
                }
                TokenTree::Ident(ident) => {
                    let kinds = [
                        "fn", "struct", "enum", "trait", "const", "static", "type", "union",
                    ];
                    if kinds.contains(&before.as_str()) {
                        self.file.items.insert(ident.to_string());
                    }
                    let mut names = vec![ident.to_string()];
                    while is_colons(&tokens[index + 1..]) && before != ":" {
                        let Some(TokenTree::Ident(name)) = tokens.get(index + 3) else {
                            break;
                        };
                        names.push(name.to_string());
                        index += 3;
                    }
                    if names.len() > 1 && before != "$" {
                        self.add_use(&names);
                    }
                }
                _ => {}
            }
            index += 1;
        }
    }

    fn read_use(&mut self, tree: &[TokenTree], is_public: bool) {
        let mut paths = Vec::new();
        flatten(&[], tree, &mut paths);
        for (names, alias) in paths {
            if !is_public {
                self.add_use(&names);
            } else if let Some(path) = self.absolute(&names) {
                let target = if alias == "*" {
                    path[..path.len() - 1].to_vec()
                } else {
                    path
                };
                self.file.reexports.push((alias, target));
            }
        }
    }

    fn add_use(&mut self, names: &[String]) {
        self.file.uses.extend(self.absolute(names));
    }

    /// The path from the crate's root, or `None` if it leads to another crate.
    fn absolute(&self, names: &[String]) -> Option<Names> {
        let ups = names.iter().take_while(|name| *name == "super").count();
        if ups > 0 {
            // `super` in an inline module is this file.
            let up = ups.saturating_sub(self.depth);
            let base = self.module.len().saturating_sub(up);
            return Some([&self.module[..base], &names[ups..]].concat());
        }
        match names[0].as_str() {
            "crate" => Some(names[1..].to_vec()),
            "self" => Some([&self.module[..], &names[1..]].concat()),
            _ => {
                let child = [&self.module[..], &names[..1]].concat();
                let path = [&self.module[..], names].concat();
                self.modules.contains(&child).then_some(path)
            }
        }
    }
}

/// The paths of a `use` tree, each with the name that it gets.
fn flatten(prefix: &[String], tree: &[TokenTree], paths: &mut Vec<(Names, String)>) {
    for tree in tree
        .split(|token| token.to_string() == ",")
        .filter(|tree| !tree.is_empty())
    {
        let mut names = prefix.to_vec();
        let mut alias = None;
        let mut tokens = tree.iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    flatten(&names, &tokens, paths);
                    names.clear();
                }
                TokenTree::Ident(ident) if ident == "as" => {
                    alias = tokens.next().map(ToString::to_string);
                }
                TokenTree::Ident(ident) if ident == "self" && !names.is_empty() => {}
                TokenTree::Ident(ident) => names.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => names.push("*".to_owned()),
                _ => {}
            }
        }
        if let Some(last) = names.last() {
            let alias = alias.unwrap_or_else(|| last.clone());
            paths.push((names, alias));
        }
    }
}

fn ends_item(token: &TokenTree) -> bool {
    is_brace(Some(token)) || token.to_string() == ";"
}

fn is_brace(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    let is_colon =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    tokens.len() > 1 && tokens[..2].iter().all(is_colon)
}

/// The files that a file imports from, directly and indirectly.
fn reachable<'a>(
    imports: &'a BTreeMap<Names, BTreeSet<Names>>,
    from: &'a Names,
) -> BTreeSet<&'a Names> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(imports[file].iter().filter(|next| reached.insert(*next)));
    }
    reached
}

fn show(module: &[String]) -> String {
    if module.is_empty() {
        "lib".to_owned()
    } else {
        module.join("/")
    }
}

fn crates() -> impl Iterator<Item = (String, BTreeMap<Names, BTreeSet<Names>>)> {
    let folders = root()
        .join("crates")
        .read_dir()
        .unwrap()
        .map(Result::unwrap);
    folders.map(|folder| {
        let name = folder.file_name().into_string().unwrap();
        (name, Crate::read(&folder.path().join("src")).imports())
    })
}

#[test]
fn files_do_not_import_each_other_in_cycles() {
    let mut cycles = BTreeSet::new();
    for (name, imports) in crates() {
        let reached: BTreeMap<&Names, BTreeSet<&Names>> = imports
            .keys()
            .map(|file| (file, reachable(&imports, file)))
            .collect();
        for (file, others) in &reached {
            let cycle: Vec<String> = reached
                .keys()
                .filter(|other| others.contains(**other) && reached[**other].contains(*file))
                .map(|file| {
                    let next = imports[*file]
                        .iter()
                        .filter(|next| others.contains(next) && reached[next].contains(*file));
                    format!(
                        "{} -> {}",
                        show(file),
                        next.map(|next| show(next)).collect::<Vec<_>>().join(", ")
                    )
                })
                .collect();
            if !cycle.is_empty() {
                cycles.insert(format!("{name}: {}", cycle.join("; ")));
            }
        }
    }
    let cycles: Vec<String> = cycles.into_iter().collect();
    assert!(
        cycles.is_empty(),
        "files import each other in cycles:\n{}",
        cycles.join("\n")
    );
}

#[test]
fn commands_are_imported_by_the_command_line_only() {
    let (_, imports) = crates()
        .find(|(name, _)| name == "watertight-xtask")
        .unwrap();
    let is_command = |module: &Names| module.first().is_some_and(|name| name == "commands");
    let above = ["", "cli", "commands"];
    for (module, others) in imports {
        if !is_command(&module) && !above.contains(&module.join("/").as_str()) {
            let command = others.iter().find(|other| is_command(other));
            assert_eq!(command, None, "{} imports a command", show(&module));
        }
    }
}
