//! The imports of a crate: each path that its product code names, by `use` or in place, resolved to the crate or module that
//! the path begins in.

mod collect;
mod resolve;
mod unparsed;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use resolve::Import;

use crate::sources;

/// One module of a crate, as written.
#[derive(Debug)]
pub(crate) struct Module {
    /// The path from the crate's root, which begins with `crate`.
    pub(crate) path: Vec<String>,
    /// The file's name from the repository's top folder.
    pub(crate) file: String,
    /// Names that `use` brings in, with the paths behind them.
    names: BTreeMap<String, Vec<String>>,
    /// Names of the modules declared inside this module.
    children: BTreeSet<String>,
    /// Paths of `use` items, then of all other code, with their lines.
    written: Vec<Written>,
}

/// A path in the source text.
#[derive(Debug)]
struct Written {
    path: Vec<String>,
    line: usize,
    form: Form,
}

/// The kind of code that names a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A leaf of a `use` tree.
    Use,
    /// A `use` of all names below the path.
    Glob,
    /// Any other code, for example `crate::run::start()`.
    Code,
}

/// Reads a crate by following the `mod` declarations of its root file. Modules that only tests have are left out.
pub(crate) fn of_crate(root: &str) -> Vec<Module> {
    let mut modules = Vec::new();
    let mut files = vec![(vec!["crate".to_owned()], root.to_owned())];
    while let Some((path, file)) = files.pop() {
        let parsed = collect::parse(path, &file, &sources::read(&file));
        files.extend(parsed.files);
        modules.extend(parsed.modules);
    }
    modules
}

/// Returns the modules of one source text, which takes the place of the file of the module `path`.
pub(crate) fn of_text(path: &str, source: &str) -> Vec<Module> {
    let path: Vec<_> = path.split("::").map(str::to_owned).collect();
    let file = format!("{}.rs", path.join("/"));
    collect::parse(path, &file, source).modules
}
