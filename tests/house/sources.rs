//! The repository's files.

use std::path::{Path, PathBuf};

/// Returns the repository's top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a folder above it").to_owned()
}

/// Reads a file, which is named from the repository's top folder.
pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the names of the files below a folder with an ending, sorted. Built, generated and hidden files are left out.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder's entry can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "generated" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let name = path.strip_prefix(root()).expect("the path begins with the top folder");
                found.push(name.to_str().expect("the name is text").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Returns the folder that a file is in.
pub(crate) fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}
