//! Resolves the paths of a module, as far as the crate or room that they begin in.

use super::{Form, Module};

/// A path that a module names, from `crate` or from another crate's name.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// Set for `use path::*`.
    pub(crate) glob: bool,
    /// The `use` path that the first name came by. `None` for a `use` itself and for a path named in full.
    pub(crate) by: Option<Vec<String>>,
}

impl Module {
    /// Returns the module's imports. Names of other crates and of the module's own items both stay as written: no rule names
    /// the latter.
    pub(crate) fn imports(&self, root: Option<&Module>) -> Vec<Import> {
        let import = |written: &super::Written| Import {
            path: through_root(self.resolved(&written.path, &mut Vec::new()), root),
            line: written.line,
            glob: written.form == Form::Glob,
            by: (written.form == Form::Code).then(|| self.alias(&written.path, root)).flatten(),
        };
        self.written.iter().map(import).collect()
    }

    fn alias(&self, path: &[String], root: Option<&Module>) -> Option<Vec<String>> {
        let behind = self.names.get(path.first()?)?;
        Some(through_root(self.resolved(behind, &mut path.get(..1)?.to_vec()), root))
    }

    /// Resolves a path. `seen` holds the names that the path was reached by, so that `use time::time` ends.
    fn resolved(&self, path: &[String], seen: &mut Vec<String>) -> Vec<String> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut from = match first.as_str() {
            "crate" => vec![first.clone()],
            "self" => self.path.clone(),
            "super" => return self.above(path),
            name if self.children.contains(name) => {
                [self.path.as_slice(), std::slice::from_ref(first)].concat()
            }
            name if !seen.contains(first) && self.names.contains_key(name) => {
                seen.push(first.clone());
                self.names.get(name).map(|behind| self.resolved(behind, seen)).unwrap_or_default()
            }
            _ => vec![first.clone()],
        };
        from.extend_from_slice(rest);
        from
    }

    fn above(&self, path: &[String]) -> Vec<String> {
        let steps = path.iter().take_while(|name| *name == "super").count();
        let mut from = self.path.clone();
        from.truncate(from.len().saturating_sub(steps));
        from.extend(path.iter().skip(steps).cloned());
        from
    }
}

/// Replaces a name that the crate's root re-exports (`crate::Exit`) by the path behind the name.
fn through_root(path: Vec<String>, root: Option<&Module>) -> Vec<String> {
    let Some(root) = root else { return path };
    match path.as_slice() {
        [first, name, rest @ ..] if first == "crate" && !root.children.contains(name) => {
            let Some(behind) = root.names.get(name) else { return path };
            let mut from = root.resolved(behind, &mut vec![name.clone()]);
            from.extend_from_slice(rest);
            from
        }
        _ => path,
    }
}
