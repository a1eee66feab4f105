//! Which sockets of the machine's a bundle mounts, by where they lie in the sandbox.

use std::{fs, os::unix::fs::FileTypeExt, path::Path};

use proto::HOST_SOCKETS;

use crate::case::HostPath;

/// The longest path of a Unix socket, without the byte that ends it (unix(7)).
const LONGEST: usize = 107;
/// The most that are tried.
const MOST: usize = 32;

/// A socket that is mounted itself, and those at their usual places below a folder that is.
pub fn mounted(host_paths: &[HostPath]) -> Vec<String> {
    let mut mounted: Vec<_> = host_paths.iter().flat_map(of).filter(|path| is_name(path)).collect();
    mounted.sort_unstable();
    mounted.dedup();
    mounted.truncate(MOST);
    mounted
}

fn of(HostPath { source, destination }: &HostPath) -> Vec<String> {
    if is_socket(Path::new(source)) {
        return vec![destination.clone()];
    }
    let below = HOST_SOCKETS.iter().map(Path::new).filter(|path| is_socket(path));
    let below = below.filter_map(|path| Some(Path::new(destination).join(path.strip_prefix(source).ok()?)));
    below.map(|path| path.display().to_string()).collect()
}

fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

fn is_name(path: &str) -> bool {
    path.len() <= LONGEST && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_that_is_mounted_is_known_by_its_place_in_the_sandbox() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let path = |source: &Path, destination: &str| HostPath {
            source: source.display().to_string(),
            destination: destination.to_owned(),
        };
        let _listener = UnixListener::bind(&socket).unwrap();
        let paths = [
            path(&socket, "/var/run/docker.sock"),
            path(&socket, "/var/run/docker.sock"),
            path(&socket, &format!("/{}", "x".repeat(LONGEST))),
            path(&socket, "/run/\u{1b}[2J"),
            path(folder.path(), "/run"),
            path(Path::new("/no/such/path"), "/run/none.sock"),
        ];
        assert_eq!(mounted(&paths), ["/var/run/docker.sock"]);
    }
}
