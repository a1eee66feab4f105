//! The image of the probe or of the controller (OCI image-spec): one static program and nothing else, for the user
//! `nobody`. Images of several architectures share a name by an image index.
//!
//! Equal programs give equal bytes: no clock, no compression, keys in order. Only `credential` and [`registry`] read
//! files or use the network.

mod archive;
mod blob;
mod cause;
mod credential;
mod description;
pub(crate) mod embedded;
mod index;
mod layer;
mod name;
mod program;
pub mod registry;

use std::{fmt, io};

use clap::ValueEnum;
use oci_spec::{OciSpecError, image::MediaType};

use crate::support::architecture::Architecture;

pub use blob::Blob;
pub use cause::Cause;
pub use index::Images;
pub use name::{Error as NameError, Name};

/// The version in labels, tags and archives.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The program that an image holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Content {
    /// The program that observes inside sandboxes.
    Probe,
    /// The program that launches probes.
    Controller,
}

/// The image of one architecture: all parts that a registry or an archive needs.
#[derive(Clone, Debug)]
pub struct Image {
    content: Content,
    architecture: Architecture,
    layer: Blob,
    config: Blob,
    manifest: Blob,
}

/// Why no image can be made of a program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is no ELF file.
    #[error("failed to read the {content} as an ELF program")]
    Parse {
        /// The program's kind.
        content: Content,
        /// The underlying error.
        source: elf::ParseError,
    },
    /// The program needs a loader and libraries.
    #[error("this {0} is dynamically linked, but an image contains no libraries; build a static {0}")]
    Dynamic(Content),
    /// The program is built for a machine without an OCI name here.
    #[error("this {content} is for ELF machine {machine}; images are made for x86-64 and AArch64")]
    Machine {
        /// The program's kind.
        content: Content,
        /// The header's field `e_machine`.
        machine: u16,
    },
    /// There is no program.
    #[error("an image needs a program")]
    None,
    /// Two programs are for one architecture.
    #[error("two of the programs are for {0}")]
    Twice(Architecture),
    /// The description lacks a part.
    #[error("failed to describe the image")]
    Describe(#[from] OciSpecError),
    /// A description could not be written as JSON.
    #[error("failed to render a description")]
    Render(#[from] serde_json::Error),
    /// A tar could not be written to memory.
    #[error("failed to pack a tar")]
    Pack(#[from] io::Error),
}

/// Returns the image that this build uses by default, from `PODPROOF_IMAGE` at compile time; `None` without the
/// variable.
pub fn default_reference() -> Option<&'static str> {
    option_env!("PODPROOF_IMAGE").filter(|reference| !reference.is_empty())
}

// === impl Image ===

impl Image {
    /// Creates the image of a static probe.
    pub fn of_probe(program: &[u8]) -> Result<Self, Error> {
        Self::of(Content::Probe, program)
    }

    /// Creates the image of a static controller.
    pub fn of_controller(program: &[u8]) -> Result<Self, Error> {
        Self::of(Content::Controller, program)
    }

    fn of(content: Content, program: &[u8]) -> Result<Self, Error> {
        let architecture = program::architecture(content, program)?;
        let layer = Blob::new(MediaType::ImageLayer, layer::pack(content, program)?)?;
        let config = description::config(content, architecture, &layer)?;
        let manifest = description::manifest(&config, &layer)?;
        Ok(Self { content, architecture, layer, config, manifest })
    }

    /// Returns the digest by which a container runtime knows an imported image: `sha256:…`.
    pub fn config_digest(&self) -> &str {
        self.config.digest()
    }

    /// Returns the digest by which a registry, and a container runtime that pulled from it, know the image: `sha256:…`.
    pub fn manifest_digest(&self) -> &str {
        self.manifest.digest()
    }

    /// Returns the architecture of the program.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Returns the parts that a registry must have before the manifest.
    pub fn parts(&self) -> [&Blob; 2] {
        [&self.layer, &self.config]
    }

    /// Returns the manifest, which names the parts by their digests.
    pub fn manifest(&self) -> &Blob {
        &self.manifest
    }
}

// === impl Content ===

impl fmt::Display for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Probe => "probe",
            Self::Controller => "controller",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{program::tests::executable, *};

    #[test]
    fn equal_programs_give_equal_images() {
        let archive = |program: &[u8]| {
            let images = Images::of(vec![Image::of_probe(program).unwrap()]).unwrap();
            images.archive(&images.reference_name()).unwrap()
        };
        let (program, other) = (executable(62, None), [executable(62, None), vec![0]].concat());
        // Maps have a new seed each time, so an order that is left to chance shows.
        for _ in 0..8 {
            assert!(archive(&program) == archive(&program));
        }
        assert!(archive(&program) != archive(&other));
    }

    #[test]
    fn the_controllers_image_differs_from_the_probes() {
        let program = executable(62, None);
        let (probe, controller) =
            (Image::of_probe(&program).unwrap(), Image::of_controller(&program).unwrap());
        assert_ne!(probe.manifest_digest(), controller.manifest_digest());
        assert_ne!(probe.config_digest(), probe.manifest_digest());
        let [probe, controller] =
            [probe, controller].map(|image| Images::of(vec![image]).unwrap().reference_name().to_string());
        assert_ne!(probe, controller);
    }
}
