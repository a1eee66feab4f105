//! Files of procfs and sysfs that let a program read or change the whole machine, by statfs(2) and access(2) alone.

use std::{ffi::CString, io, os::unix::ffi::OsStrExt, path::Path};

use nix::unistd::{AccessFlags, access};
use proto::{KERNEL_FILES, KernelFile, KernelFiles, Observation};

use crate::{sys, vantage::Vantage};

pub(crate) fn observe(vantage: &Vantage) -> Observation<KernelFiles> {
    let (files, unseen) = vantage.each(KERNEL_FILES, look);
    Observation::Seen(KernelFiles { files, unseen })
}

fn look(path: &str, place: &Path) -> io::Result<Option<KernelFile>> {
    let (magic, _) = sys::statfs(&CString::new(place.as_os_str().as_bytes())?)?;
    let may = |flags| access(place, flags).is_ok();
    let (readable, writable) = (may(AccessFlags::R_OK), may(AccessFlags::W_OK));
    Ok(Some(KernelFile { path: path.to_owned(), magic, readable, writable }))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
    };

    use nix::unistd::geteuid;

    use super::*;

    #[test]
    fn a_file_has_its_rights_and_a_path_that_cannot_be_looked_at_is_unseen() {
        let tree = tempfile::tempdir().unwrap();
        let look = || observe(&Vantage::rooted(tree.path())).seen().unwrap().clone();
        assert_eq!(look(), KernelFiles { files: Vec::new(), unseen: Vec::new() });
        fs::create_dir_all(tree.path().join("proc")).unwrap();
        fs::create_dir_all(tree.path().join("sys/firmware")).unwrap();
        let keys = tree.path().join("proc/keys");
        fs::write(&keys, "").unwrap();
        fs::set_permissions(&keys, Permissions::from_mode(0o444)).unwrap();
        symlink("kcore", tree.path().join("proc/kcore")).unwrap();
        let KernelFiles { files, unseen } = look();
        let told: Vec<_> = files.iter().map(|it| (it.path.as_str(), it.readable, it.writable)).collect();
        // Root may write to a file that nobody else may write to.
        let root = geteuid().is_root();
        assert_eq!(told, [("/proc/keys", true, root), ("/sys/firmware", true, true)]);
        assert_eq!(unseen, ["/proc/kcore"]);
    }
}
