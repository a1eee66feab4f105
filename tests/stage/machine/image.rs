//! The programs of the machine, and the file system that it starts with.

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    process::Command,
};

use super::{Case, archive::Archive};
use crate::{
    run,
    worlds::{
        is_pretended,
        releases::{self, Date, Runsc},
    },
};

/// The folder of the programs for the machine, beside the programs for this one.
const TRIPLE: &str = "aarch64-unknown-linux-musl";

/// Programs of Debian, by their paths in the machine.
const DEBIANS: &[&str] = &["usr/sbin/runc", "usr/bin/bwrap", "usr/bin/unshare"];
/// Libraries of those programs, by their paths in Debian.
const LIBRARIES: &[&str] = &[
    "lib/ld-linux-aarch64.so.1",
    "lib/aarch64-linux-gnu/libc.so.6",
    "lib/aarch64-linux-gnu/libcap.so.2",
    "lib/aarch64-linux-gnu/libselinux.so.1",
    "usr/lib/aarch64-linux-gnu/libpcre2-8.so.0",
    "usr/lib/aarch64-linux-gnu/libseccomp.so.2",
];
/// Libraries of crun, which has a folder of its own.
const LIBRARIES_OF_CRUN: &[&str] = &[
    "lib/aarch64-linux-gnu/libgpg-error.so.0",
    "lib/aarch64-linux-gnu/liblzma.so.5",
    "usr/lib/aarch64-linux-gnu/libgcrypt.so.20",
    "usr/lib/aarch64-linux-gnu/liblz4.so.1",
    "usr/lib/aarch64-linux-gnu/libsystemd.so.0",
    "usr/lib/aarch64-linux-gnu/libyajl.so.2",
    "usr/lib/aarch64-linux-gnu/libzstd.so.1",
];
/// The releases of runsc, as their programs are found: Debian's, and those that are built.
const RELEASES: [Date; 5] =
    [releases::BOOKWORM, releases::TRIXIE, releases::OF_2023, releases::OF_2025, releases::NEWEST];
/// Commands of busybox that the machine's scripts, the stage and a bundle's hooks use.
const COMMANDS: &[&str] =
    &["cat", "grep", "ip", "ls", "mkdir", "mount", "mv", "poweroff", "rm", "sh", "switch_root", "umount"];

/// Everything that the machine is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    debian: PathBuf,
    /// The path of each program in the machine, and here.
    programs: Vec<(String, PathBuf)>,
}

impl Parts {
    /// Finds the parts, and fetches those that are missing. An error names what this machine lacks.
    pub fn find() -> Result<Self, String> {
        if is_pretended() {
            return Ok(Self { debian: PathBuf::new(), programs: Vec::new() });
        }
        let mut programs = Vec::new();
        for name in ["controller", "withhold", "plain", "disguise"] {
            programs.push((format!("/usr/bin/{name}"), run::built(&format!("{TRIPLE}/debug/{name}"))?));
        }
        let qemu = Command::new("qemu-system-aarch64").arg("--version").output();
        qemu.map_err(|error| format!("qemu-system-aarch64: {error}: run `make test`"))?;
        let folders = releases::script("stage/machine/parts", &[])?;
        let folders: Vec<_> = folders.lines().map(PathBuf::from).collect();
        let [debian, crun, trixie, of_2023, of_2025, newest] = folders.as_slice() else {
            return Err(format!("there are other parts of the machine: {folders:?}"));
        };
        let runsc = [debian, trixie].map(|folder| folder.join("usr/bin/runsc"));
        let built = [of_2023, of_2025, newest].map(|folder| folder.join("runsc"));
        programs.extend(RELEASES.map(program_of).into_iter().zip(runsc.into_iter().chain(built)));
        programs.extend(DEBIANS.iter().map(|path| (format!("/{path}"), debian.join(path))));
        programs.push(("/usr/bin/crun".to_owned(), crun.join("usr/bin/crun")));
        programs.extend(library_of(debian, LIBRARIES).chain(library_of(crun, LIBRARIES_OF_CRUN)));
        Ok(Self { debian: debian.clone(), programs })
    }

    /// Returns the machine's kernel.
    pub(super) fn kernel(&self) -> io::Result<PathBuf> {
        let mut entries = fs::read_dir(self.debian.join("boot"))?.flatten();
        let kernel = entries.find(|entry| entry.file_name().to_string_lossy().starts_with("vmlinuz"));
        kernel.map(|entry| entry.path()).ok_or_else(|| io::Error::other("there is no kernel"))
    }

    /// Writes the file system of a machine that runs the cases.
    pub(super) fn write(&self, path: &Path, cases: &[Case]) -> io::Result<()> {
        let mut archive = Archive::new(BufWriter::new(File::create(path)?));
        archive.program("init", include_bytes!("init"))?;
        archive.program("bin/busybox", &fs::read(self.debian.join("bin/busybox"))?)?;
        for name in COMMANDS {
            archive.link(&format!("bin/{name}"), "busybox")?;
        }
        // The folder becomes the machine's root, and `bin` moves into it.
        archive.program("root/session", include_bytes!("session"))?;
        for (place, path) in &self.programs {
            archive.program(&format!("root{place}"), &fs::read(path)?)?;
        }
        for (number, case) in cases.iter().enumerate() {
            archive.program(&format!("root/cases/{number:04}"), case.script()?.as_bytes())?;
            if let Some(folder) = &case.folder {
                archive.tree(&format!("root{}", folder.display()), folder)?;
            }
        }
        archive.finish()
    }
}

// === impl Runsc ===

impl Runsc {
    /// Returns the releases in the machine by their paths there, the oldest first.
    pub fn in_the_machine() -> [Self; 5] {
        let mut dates = RELEASES;
        dates.sort_unstable();
        dates.map(|date| Self { program: program_of(date), date })
    }
}

fn program_of((year, ..): Date) -> String {
    format!("/opt/runsc-{year}")
}

/// Returns the places of libraries in the machine, and here.
fn library_of(folder: &Path, paths: &'static [&str]) -> impl Iterator<Item = (String, PathBuf)> {
    let place = |path: &str| format!("/lib/{}", path.rsplit('/').next().unwrap_or_default());
    paths.iter().map(move |path| (place(path), folder.join(path)))
}
