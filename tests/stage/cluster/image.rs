//! Container images, written as OCI archives: one layer of files, and a command.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// The image of a pod's own container, which only waits.
pub const PAUSE: &str = "podproof.test/pause:1";
/// The image of a workload: a static busybox with `sh`, `nc` and its other words in /bin. By default it waits.
pub const BUSYBOX: &str = "podproof.test/busybox:1";

const PROGRAM: &str = "/usr/bin/busybox";
const WORDS: [&str; 14] =
    ["sh", "cat", "echo", "env", "false", "grep", "httpd", "id", "ip", "ls", "mount", "nc", "sleep", "true"];

/// An image that is not written yet.
#[derive(Clone, Debug)]
pub struct Image {
    reference: String,
    entries: Vec<Entry>,
    configuration: Value,
}

#[derive(Clone, Debug)]
enum Entry {
    File { path: String, bytes: Vec<u8> },
    Link { path: String, target: String },
}

impl Image {
    /// Begins an empty image, by the reference that pods use.
    pub fn new(reference: &str, command: &[&str]) -> Self {
        let configuration = json!({ "Entrypoint": command, "Env": ["PATH=/bin"], "WorkingDir": "/" });
        Self { reference: reference.to_owned(), entries: Vec::new(), configuration }
    }

    /// Begins an image with this machine's static busybox.
    pub fn busybox(reference: &str) -> Self {
        let program =
            fs::read(PROGRAM).unwrap_or_else(|error| panic!("{PROGRAM}: {error}: run `make cluster-test`"));
        let image =
            Self::new(reference, &["/bin/busybox", "sleep", "2147483647"]).file("bin/busybox", program);
        WORDS.iter().fold(image, |image, word| image.link(&format!("bin/{word}"), "busybox"))
    }

    /// Adds a program or another file.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.entries.push(Entry::File { path: path.to_owned(), bytes });
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.entries.push(Entry::Link { path: path.to_owned(), target: target.to_owned() });
        self
    }

    /// Sets a user other than root, as `UID` or `UID:GID`.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.configuration["User"] = user.into();
        self
    }

    /// Declares a folder that a runtime makes a volume of.
    #[must_use]
    pub fn volume(mut self, path: &str) -> Self {
        self.configuration["Volumes"][path] = json!({});
        self
    }

    /// Writes the image as an archive.
    pub fn write(self, archive: &Path) -> io::Result<()> {
        let mut blobs = Builder::new(File::create(archive)?);
        let layer = layer(&self.entries)?;
        let layer = blob(&mut blobs, "application/vnd.oci.image.layer.v1.tar", &layer)?;
        let configuration = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": self.configuration,
            "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
        });
        let configuration = configuration.to_string();
        let configuration =
            blob(&mut blobs, "application/vnd.oci.image.config.v1+json", configuration.as_bytes())?;
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": kind, "config": configuration, "layers": [layer] });
        let mut manifest = blob(&mut blobs, kind, manifest.to_string().as_bytes())?;
        manifest["annotations"] = json!({ "io.containerd.image.name": self.reference });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        append(&mut blobs, "index.json", index.to_string().as_bytes(), 0o644)?;
        append(&mut blobs, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
        blobs.into_inner()?.flush()
    }
}

fn layer(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    for entry in entries {
        match entry {
            Entry::File { path, bytes } => append(&mut layer, path, bytes, 0o755)?,
            Entry::Link { path, target } => {
                let mut header = Header::new_gnu();
                header.set_entry_type(EntryType::Symlink);
                header.set_size(0);
                header.set_mode(0o777);
                layer.append_link(&mut header, path, target)?;
            }
        }
    }
    layer.into_inner()
}

/// Appends a blob under the name of its content; returns its descriptor.
fn blob(blobs: &mut Builder<File>, kind: &str, bytes: &[u8]) -> io::Result<Value> {
    let hash = Sha256::digest(bytes).iter().fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    append(blobs, &format!("blobs/sha256/{hash}"), bytes, 0o644)?;
    Ok(json!({ "mediaType": kind, "digest": format!("sha256:{hash}"), "size": bytes.len() }))
}

fn append(archive: &mut Builder<impl Write>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    archive.append_data(&mut header, path, bytes)
}

/// Returns this machine's architecture, as container images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
