//! An initial file system of Linux, as an archive in cpio's format `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const END: &str = "TRAILER!!!";

/// An archive that is written. A path has no slash at its beginning.
#[derive(Debug)]
pub(super) struct Archive<W> {
    out: W,
    entries: u32,
    folders: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, entries: 0, folders: BTreeSet::new() }
    }

    /// Adds a folder, and every folder around it. Linux makes none by itself.
    pub(super) fn folder(&mut self, path: &str) -> io::Result<()> {
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        self.folder(around(path))?;
        self.entry(path, FOLDER | 0o755, &[])
    }

    pub(super) fn program(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.folder(around(path))?;
        self.entry(path, FILE | 0o755, content)
    }

    pub(super) fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.folder(around(path))?;
        self.entry(path, LINK | 0o777, target.as_bytes())
    }

    /// Copies a folder of this machine with everything in it.
    pub(super) fn tree(&mut self, path: &str, source: &Path) -> io::Result<()> {
        self.folder(path)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            let path = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.tree(&path, &entry.path())?;
            } else {
                let mode = entry.metadata()?.permissions().mode() & 0o777;
                self.entry(&path, FILE | mode, &fs::read(entry.path())?)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.entry(END, 0, &[])?;
        self.out.flush()
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let size = u32::try_from(content.len()).map_err(io::Error::other)?;
        let name = u32::try_from(path.len() + 1).map_err(io::Error::other)?;
        // Serial number, mode, owner, group, links, time, size, two devices of two numbers each, length of the name, checksum.
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
        let fields = fields.map(|field| format!("{field:08x}")).concat();
        self.padded(format!("070701{fields}{path}\0").as_bytes())?;
        self.padded(content)
    }

    /// Each part begins at a multiple of four bytes.
    fn padded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        let missing = bytes.len().next_multiple_of(4) - bytes.len();
        self.out.write_all([0; 3].get(..missing).unwrap_or_default())
    }
}

fn around(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
