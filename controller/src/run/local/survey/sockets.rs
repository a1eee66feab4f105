//! Sockets of the machine that a bundle mounts, by their paths in the sandbox.

use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use proto::HOST_SOCKETS;
use tokio::{sync::oneshot, time::timeout};

use crate::case::HostPath;

/// The longest path of a Unix socket in bytes, without the final zero byte (unix(7)).
const LONGEST: usize = 107;
/// The most sockets to try.
const MOST: usize = 32;
/// The most files to examine in the search for sockets.
const MOST_FILES: usize = 16_384;

/// The result of the search.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Paths in the sandbox of sockets that the probe can try.
    pub found: Vec<String>,
    /// Paths in the sandbox with a socket, or perhaps with a socket, that the probe cannot try.
    pub untried: Vec<String>,
}

/// Searches the mounted paths, folders included, within the allowed time: a file system may be remote.
pub async fn mounted(host_paths: &[HostPath], allowed: Duration) -> Sockets {
    if host_paths.is_empty() {
        return Sockets::default();
    }
    let (tell, told) = oneshot::channel();
    let paths = host_paths.to_vec();
    // A thread, no task: a task that hangs would keep the whole program from ending.
    let looking = thread::Builder::new().spawn(move || tell.send(found(&paths)));
    if let (Ok(_), Ok(Ok(sockets))) = (looking, timeout(allowed, told).await) {
        return sockets;
    }
    let untried = host_paths.iter().map(|path| path.destination.clone()).collect();
    Sockets { found: Vec::new(), untried }
}

/// Searches without following links: in the sandbox they may lead elsewhere.
fn found(host_paths: &[HostPath]) -> Sockets {
    let mut search = Search { sockets: Sockets::default(), left: MOST_FILES };
    for path in host_paths {
        search.look(path);
    }
    search.sockets
}

struct Search {
    sockets: Sockets,
    left: usize,
}

impl Search {
    fn look(&mut self, HostPath { source, destination }: &HostPath) {
        let destination = Path::new(destination);
        match fs::metadata(source) {
            Ok(file) if file.file_type().is_socket() => self.add(destination),
            Ok(file) if file.is_dir() => {
                // Well-known sockets are found even in a folder that is too large to search.
                for path in HOST_SOCKETS.iter().map(Path::new).filter(|path| is_socket(path)) {
                    if let Ok(inside) = path.strip_prefix(source) {
                        self.add(&destination.join(inside));
                    }
                }
                if !self.is_through(Path::new(source), destination) {
                    self.sockets.untried.push(destination.display().to_string());
                }
            }
            Ok(_) => (),
            Err(_) => self.sockets.untried.push(destination.display().to_string()),
        }
    }

    /// Returns true if the whole folder was searched.
    fn is_through(&mut self, source: &Path, destination: &Path) -> bool {
        let mut folders = VecDeque::from([(PathBuf::from(source), PathBuf::from(destination))]);
        while let Some((folder, place)) = folders.pop_front() {
            let Ok(entries) = fs::read_dir(&folder) else { return false };
            for entry in entries {
                let (Ok(entry), Some(left)) = (entry, self.left.checked_sub(1)) else { return false };
                self.left = left;
                let Ok(kind) = entry.file_type() else { return false };
                let place = place.join(entry.file_name());
                if kind.is_dir() {
                    folders.push_back((entry.path(), place));
                } else if kind.is_socket() {
                    self.add(&place);
                }
            }
        }
        true
    }

    fn add(&mut self, place: &Path) {
        let Sockets { found, untried } = &mut self.sockets;
        let name = place.display().to_string();
        let is_name =
            place.to_str().is_some() && name.len() <= LONGEST && !name.chars().any(char::is_control);
        if found.contains(&name) {
            return;
        }
        if is_name && found.len() < MOST { found.push(name) } else { untried.push(name) }
    }
}

fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    fn path(source: &Path, destination: &str) -> HostPath {
        HostPath { source: source.display().to_string(), destination: destination.to_owned() }
    }

    #[test]
    fn a_mounted_socket_is_named_by_its_path_in_the_sandbox() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let (long, sly) = (format!("/{}", "x".repeat(LONGEST)), "/run/\u{1b}[2J");
        let paths = [
            path(&socket, "/var/run/docker.sock"),
            path(&socket, "/var/run/docker.sock"),
            path(&socket, &long),
            path(&socket, sly),
            path(Path::new("/no/such/path"), "/run/none.sock"),
        ];
        let Sockets { found, untried } = found(&paths);
        assert_eq!(found, ["/var/run/docker.sock"]);
        assert_eq!(untried, [&long, sly, "/run/none.sock"]);
    }

    #[test]
    fn folders_are_searched_without_following_links() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let _listener = UnixListener::bind(deep.join("socket")).unwrap();
        symlink("/", folder.path().join("a/root")).unwrap();
        let Sockets { found, untried } = found(&[path(folder.path(), "/data")]);
        assert_eq!((found, untried), (vec!["/data/a/b/socket".to_owned()], Vec::new()));
    }

    #[test]
    fn sockets_beyond_the_limit_are_untried() {
        let folder = tempfile::tempdir().unwrap();
        let listen = |number| UnixListener::bind(folder.path().join(format!("{number}"))).unwrap();
        let _listeners: Vec<_> = (0..=MOST).map(listen).collect();
        let Sockets { found, untried } = found(&[path(folder.path(), "/run")]);
        assert_eq!((found.len(), untried.len()), (MOST, 1));
        let mut search = Search { sockets: Sockets::default(), left: 3 };
        search.look(&path(folder.path(), "/run"));
        assert_eq!(search.sockets.untried, ["/run"]);
    }
}
