//! The controller's own namespaces: those of the machine, unless the controller runs in a container (namespaces(7)).

use std::{fs, io};

use proto::{Namespace, Namespaces, Observation};

use super::seen;

pub(super) fn own() -> Observation<Namespaces> {
    seen(look())
}

fn look() -> io::Result<Namespaces> {
    let mut namespaces = Vec::new();
    for entry in fs::read_dir("/proc/self/ns")? {
        let entry = entry?;
        let link = fs::read_link(entry.path())?;
        let kind = entry.file_name().to_string_lossy().into_owned();
        namespaces.extend(Namespace::of_link(&kind, &link.to_string_lossy()));
    }
    namespaces.sort_unstable_by(|one, other| one.kind.cmp(&other.kind));
    Ok(Namespaces { namespaces })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_shows_its_namespaces() {
        let namespaces = look().unwrap().namespaces;
        assert!(namespaces.iter().any(|namespace| namespace.kind == "pid"), "{namespaces:?}");
    }
}
