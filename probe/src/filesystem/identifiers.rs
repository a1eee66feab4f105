//! Identifiers that distinguish one machine from another, as digests: no identifier leaves the sandbox.

use std::{fs, io, path::Path};

use proto::{IDENTIFIERS, Identifier, Identifiers, Observation, identifier_digest};

use crate::vantage::{Vantage, read};

pub(crate) fn observe(vantage: &Vantage) -> Observation<Identifiers> {
    let (identifiers, unseen) = vantage.each(IDENTIFIERS, |path, place| look(vantage, path, place));
    Observation::Seen(Identifiers { identifiers, unseen })
}

/// Returns the identifier at a path; `None` if the file identifies nothing, as in an image that has not yet been booted
/// (machine-id(5)).
fn look(vantage: &Vantage, path: &str, place: &Path) -> io::Result<Option<Identifier>> {
    let file = fs::metadata(place)?;
    // A container engine creates a folder if the source of a mount does not exist.
    if file.is_dir() {
        return Ok(None);
    }
    let Some(sha256) = identifier_digest(&read(place)?) else { return Ok(None) };
    Ok(Some(Identifier { path: path.to_owned(), of_kernel: vantage.is_of_kernel(path, &file)?, sha256 }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn an_identifier_has_the_same_digest_however_it_is_written() {
        let tree = tempfile::tempdir().unwrap();
        let look = || observe(&Vantage::rooted(tree.path())).seen().unwrap().clone();
        assert_eq!(look(), Identifiers::default());
        for folder in ["etc", "var/lib/dbus", "sys/class/dmi/id"] {
            fs::create_dir_all(tree.path().join(folder)).unwrap();
        }
        fs::write(tree.path().join("etc/machine-id"), "0af1\n").unwrap();
        fs::write(tree.path().join("var/lib/dbus/machine-id"), "0AF1").unwrap();
        fs::write(tree.path().join("etc/hostname"), " \n").unwrap();
        fs::create_dir_all(tree.path().join("var/lib/cloud/data/instance-id")).unwrap();
        symlink("product_uuid", tree.path().join("sys/class/dmi/id/product_uuid")).unwrap();
        let Identifiers { identifiers, unseen } = look();
        let paths: Vec<_> = identifiers.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["/etc/machine-id", "/var/lib/dbus/machine-id"]);
        assert_eq!(identifiers[0].sha256, identifiers[1].sha256);
        assert_eq!(Some(identifiers[0].sha256), identifier_digest(b"0af1"));
        assert_eq!(unseen, ["/sys/class/dmi/id/product_uuid"]);
    }

    #[test]
    fn only_a_file_of_procfs_or_sysfs_is_of_the_kernel() {
        let seen = observe(&Vantage::live()).seen().unwrap().clone();
        let of_kernel =
            |path: &str| seen.identifiers.iter().find(|it| it.path == path).map(|it| it.of_kernel);
        assert_eq!(of_kernel("/proc/cmdline"), Some(true));
        assert_ne!(of_kernel("/etc/hostname"), Some(true));
    }
}
