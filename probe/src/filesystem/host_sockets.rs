//! Sockets of container engines and other programs that govern the machine, by stat(2) alone.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
};

use proto::{HOST_SOCKETS, HostSockets, Observation};

use crate::vantage::Vantage;

pub(crate) fn observe(vantage: &Vantage) -> Observation<HostSockets> {
    let mut known = Vec::new();
    let (paths, unseen) = vantage.each(HOST_SOCKETS, |path, place| {
        let file = fs::metadata(place)?;
        let identity = (file.dev(), file.ino());
        // `/var/run` is usually a link to `/run`.
        if !file.file_type().is_socket() || known.contains(&identity) {
            return Ok(None);
        }
        known.push(identity);
        Ok(Some(path.to_owned()))
    });
    Observation::Seen(HostSockets { paths, unseen })
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    fn seen(tree: &std::path::Path) -> HostSockets {
        observe(&Vantage::rooted(tree)).seen().unwrap().clone()
    }

    #[test]
    fn a_socket_is_named_once_however_many_paths_lead_to_it() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("run/containerd")).unwrap();
        fs::create_dir(tree.path().join("var")).unwrap();
        symlink("../run", tree.path().join("var/run")).unwrap();
        fs::write(tree.path().join("run/containerd/containerd.sock"), "").unwrap();
        assert_eq!(seen(tree.path()), HostSockets { paths: Vec::new(), unseen: Vec::new() });
        let _listener = UnixListener::bind(tree.path().join("run/docker.sock")).unwrap();
        assert_eq!(seen(tree.path()).paths, ["/run/docker.sock"]);
    }

    #[test]
    fn a_path_that_cannot_be_looked_at_is_unseen() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("run")).unwrap();
        symlink("crio", tree.path().join("run/crio")).unwrap();
        let HostSockets { paths, unseen } = seen(tree.path());
        assert_eq!((paths.len(), unseen), (0, vec!["/run/crio/crio.sock".to_owned()]));
    }
}
