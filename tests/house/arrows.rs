//! The direction of imports: between the rooms of `controller/src`, and between the packages.

mod rules;
mod snippets;

use std::collections::BTreeSet;

use rules::{Bars, ROOMS, RULES, Rule};

use crate::imports::{self, Import, Module};

impl Rule {
    fn binds(&self, package: &str, room: &str) -> bool {
        self.package == package && (self.rooms.is_empty() || self.rooms.contains(&room))
    }

    /// A name from a `use` that breaks the rule is not told again at each place that names it.
    fn is_broken(&self, room: &str, import: &Import) -> bool {
        self.bars(room, &import.path, import.glob)
            && !import.by.as_ref().is_some_and(|by| self.bars(room, by, false))
    }

    fn bars(&self, room: &str, path: &[String], glob: bool) -> bool {
        match self.bars {
            Bars::Below(barred) => barred.iter().any(|names| reaches(path, names, glob)),
            Bars::OwnBut(allowed) => {
                path.first().is_some_and(|first| first == "crate")
                    && (glob || path.len() > 1)
                    && path.get(1).is_none_or(|own| own != room)
                    && !allowed.iter().any(|names| reaches(path, names, false))
            }
        }
    }
}

/// Decides if a path is at or below `names`. A glob also reaches `names` from above.
fn reaches(path: &[String], names: &str, glob: bool) -> bool {
    let names: Vec<_> = names.split("::").collect();
    let alike = path.iter().zip(&names).all(|(written, name)| written == name);
    alike && (glob || path.len() >= names.len())
}

/// Returns a line for each import that breaks a rule.
fn broken(package: &str, modules: &[Module]) -> Vec<String> {
    let top = modules.iter().find(|module| module.path.len() == 1);
    let mut lines = BTreeSet::new();
    for module in modules {
        let room = module.path.get(1).map(String::as_str).unwrap_or_default();
        for import in module.imports(top) {
            if let Some(rule) =
                RULES.iter().find(|rule| rule.binds(package, room) && rule.is_broken(room, &import))
            {
                let path = import.path.join("::");
                lines.insert((
                    &module.file,
                    import.line,
                    format!("room {room} imports {path}, but {}", rule.words),
                ));
            }
        }
    }
    lines.into_iter().map(|(file, line, text)| format!("{file}:{line}: {text}")).collect()
}

#[test]
fn every_module_of_the_controller_is_in_a_room() {
    let modules = imports::of_crate("controller/src/lib.rs");
    let found: BTreeSet<_> =
        modules.iter().filter_map(|module| module.path.get(1).map(String::as_str)).collect();
    assert_eq!(found, ROOMS.iter().copied().collect(), "modules of controller/src beside the rooms");
}

#[test]
fn imports_point_the_right_way() {
    let mut lines = Vec::new();
    for (package, root) in [
        ("controller", "controller/src/lib.rs"),
        ("probe", "probe/src/main.rs"),
        ("proto", "proto/src/lib.rs"),
    ] {
        let modules = imports::of_crate(root);
        assert!(modules.len() > 5, "{root}: {} modules are too few to be all", modules.len());
        lines.extend(broken(package, &modules));
    }
    assert!(lines.is_empty(), "{} imports point the wrong way:\n{}", lines.len(), lines.join("\n"));
}
