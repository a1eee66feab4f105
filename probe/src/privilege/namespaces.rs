//! The probe's own namespaces, by the links in `/proc/self/ns` (namespaces(7)).

use std::{fs, io};

use proto::{Namespace, Namespaces, Observation};

use crate::{text::printable, vantage::Vantage};

/// The largest number of namespaces that are read; no kernel has more.
const MOST: usize = 32;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Namespaces> {
    look(vantage).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

fn look(vantage: &Vantage) -> io::Result<Namespaces> {
    let mut namespaces = Vec::new();
    for entry in fs::read_dir(vantage.path("/proc/self/ns"))?.take(MOST) {
        let entry = entry?;
        let link = fs::read_link(entry.path())?;
        let kind = printable(&entry.file_name().to_string_lossy());
        namespaces.extend(Namespace::of_link(&kind, &link.to_string_lossy()));
    }
    namespaces.sort_unstable_by(|one, other| one.kind.cmp(&other.kind));
    Ok(Namespaces { namespaces })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_shows_the_six_namespaces_of_linux_3_8() {
        let namespaces = look(&Vantage::live()).unwrap().namespaces;
        for kind in ["ipc", "mnt", "net", "pid", "user", "uts"] {
            assert!(namespaces.iter().any(|namespace| namespace.kind == kind), "{namespaces:?}");
        }
    }
}
