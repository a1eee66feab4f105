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
