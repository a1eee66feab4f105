//! Collects the paths that a source file names.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};

use super::{Form, Module, Written, unparsed};
use crate::product::without_tests;

/// A source file's modules, with the files of the modules that the file declares.
pub(super) struct Parsed {
    /// The file's own module, and those written inside it.
    pub(super) modules: Vec<Module>,
    /// Path and file of each declared module.
    pub(super) files: Vec<(Vec<String>, String)>,
}

/// Parses one source file.
pub(super) fn parse(path: Vec<String>, file: &str, source: &str) -> Parsed {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
    let parsed: syn::File =
        syn::parse2(without_tests(tokens)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut collector = Collector { file, open: vec![module(path, file)], parsed: Parsed::empty() };
    collector.visit_file(&parsed);
    let mut parsed = collector.parsed;
    parsed.modules.extend(collector.open);
    parsed
}

impl Parsed {
    fn empty() -> Self {
        Self { modules: Vec::new(), files: Vec::new() }
    }
}

fn module(path: Vec<String>, file: &str) -> Module {
    Module {
        path,
        file: file.to_owned(),
        names: BTreeMap::new(),
        children: BTreeSet::new(),
        written: Vec::new(),
    }
}

/// A walk through one file.
struct Collector<'a> {
    file: &'a str,
    /// The modules around the code at hand, the innermost last.
    open: Vec<Module>,
    parsed: Parsed,
}

impl Collector<'_> {
    fn here(&mut self) -> &mut Module {
        self.open.last_mut().expect("the file's own module stays open")
    }

    fn write(&mut self, path: Vec<String>, line: usize, form: Form) {
        self.here().written.push(Written { path, line, form });
    }

    /// Writes a path down, unless it is a lone name: a variable, or a name that a `use` has told.
    fn write_code(&mut self, path: Vec<String>, line: usize) {
        if path.len() > 1 {
            self.write(path, line, Form::Code);
        }
    }

    fn write_unparsed(&mut self, tokens: TokenStream) {
        for (path, line) in unparsed::paths(tokens) {
            self.write_code(path, line);
        }
    }

    fn use_tree(&mut self, mut above: Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                above.push(path.ident.to_string());
                self.use_tree(above, &path.tree);
            }
            syn::UseTree::Name(name) => self.use_leaf(above, &name.ident, None),
            syn::UseTree::Rename(rename) => self.use_leaf(above, &rename.ident, Some(&rename.rename)),
            syn::UseTree::Glob(glob) => self.write(above, glob.star_token.span.start().line, Form::Glob),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(above.clone(), tree);
                }
            }
        }
    }

    fn use_leaf(&mut self, mut path: Vec<String>, name: &syn::Ident, renamed: Option<&syn::Ident>) {
        if name != "self" || path.is_empty() {
            path.push(name.to_string());
        }
        let known_as = renamed.map(ToString::to_string).or_else(|| path.last().cloned()).unwrap_or_default();
        self.here().names.insert(known_as, path.clone());
        self.write(path, name.span().start().line, Form::Use);
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        self.here().children.insert(name.clone());
        let mut path = self.here().path.clone();
        path.push(name);
        if item.content.is_some() {
            self.open.push(module(path, self.file));
            visit::visit_item_mod(self, item);
            self.parsed.modules.extend(self.open.pop());
        } else {
            let file =
                format!("{}/{}.rs", crate_folder(self.file), path.get(1..).unwrap_or_default().join("/"));
            self.parsed.files.push((path, file));
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let line = path.segments.first().map_or(0, |first| first.ident.span().start().line);
        self.write_code(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        visit::visit_macro(self, item);
        self.write_unparsed(item.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        visit::visit_meta_list(self, list);
        self.write_unparsed(list.tokens.clone());
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// Returns the folder that a crate's module paths start from: the part of a file's name up to `src`.
fn crate_folder(file: &str) -> &str {
    file.find("/src/").and_then(|at| file.get(..at + "/src".len())).unwrap_or(".")
}
