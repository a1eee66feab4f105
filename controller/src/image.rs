//! The image of the probe or of the controller (OCI image-spec): one static program and nothing else, for nobody's user.
//!
//! The same program gives the same bytes: no clock, no compression, keys in order. All is pure but `file` and [`registry`].

mod archive;
mod blob;
mod credential;
mod description;
pub(crate) mod embedded;
mod layer;
mod name;
mod program;
pub mod registry;

use std::{fmt, io};

use clap::ValueEnum;
use oci_spec::{OciSpecError, image::MediaType};

pub use blob::Blob;
pub use name::{Error as NameError, Name};

/// What labels, tags and archives say of themselves.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The program that an image holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Content {
    /// What runs in sandboxes.
    Probe,
    /// What launches probes.
    Controller,
}

/// Everything that a registry or an archive must be given.
#[derive(Clone, Debug)]
pub struct Image {
    content: Content,
    layer: Blob,
    config: Blob,
    manifest: Blob,
}

/// Why a program has no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no ELF file.
    #[error("failed to read the {content} as a program")]
    Parse {
        /// What was read.
        content: Content,
        /// What is wrong with it.
        source: elf::ParseError,
    },
    /// It needs a loader, and libraries.
    #[error("this {0} is dynamically linked, and an image holds nothing but the program")]
    Dynamic(Content),
    /// It is for a machine that the OCI has no name for here.
    #[error("this {content} is for ELF machine {machine}; images are made for x86-64 and AArch64")]
    Machine {
        /// What was read.
        content: Content,
        /// `e_machine`.
        machine: u16,
    },
    /// A part of the description is missing.
    #[error("failed to describe the image")]
    Describe(#[from] OciSpecError),
    /// A description cannot be written as JSON.
    #[error("failed to render a description")]
    Render(#[from] serde_json::Error),
    /// A tar cannot be written to memory.
    #[error("failed to pack a tar")]
    Pack(#[from] io::Error),
}

/// The image that this build was told to use where none is named: `PODPROOF_IMAGE` at compile time.
pub fn default_reference() -> Option<&'static str> {
    option_env!("PODPROOF_IMAGE").filter(|reference| !reference.is_empty())
}

// === impl Image ===

impl Image {
    /// The image of a static probe.
    pub fn of_probe(program: &[u8]) -> Result<Self, Error> {
        Self::of(Content::Probe, program)
    }

    /// The image of a static controller.
    pub fn of_controller(program: &[u8]) -> Result<Self, Error> {
        Self::of(Content::Controller, program)
    }

    fn of(content: Content, program: &[u8]) -> Result<Self, Error> {
        let architecture = program::architecture(content, program)?;
        let layer = Blob::new(MediaType::ImageLayer, layer::pack(content, program)?)?;
        let config = description::config(content, architecture, &layer)?;
        let manifest = description::manifest(&config, &layer)?;
        Ok(Self { content, layer, config, manifest })
    }

    /// By which a container runtime knows an image that was imported: `sha256:…`.
    pub fn config_digest(&self) -> &str {
        self.config.digest()
    }

    /// By which a registry, and a container runtime that pulled from it, know an image: `sha256:…`.
    pub fn manifest_digest(&self) -> &str {
        self.manifest.digest()
    }

    /// How the image is called where nobody called it otherwise.
    pub fn reference_name(&self) -> Name {
        Name::of(self.content)
    }

    /// Everything but the manifest: what a registry must have before it.
    pub fn parts(&self) -> [&Blob; 2] {
        [&self.layer, &self.config]
    }

    /// What names the parts by their digests.
    pub fn manifest(&self) -> &Blob {
        &self.manifest
    }

    /// A tar that is an OCI layout and `docker save`'s in one, so that whatever loads images reads it.
    pub fn archive(&self, name: &Name) -> Result<Vec<u8>, Error> {
        archive::pack(self, name)
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
    fn the_same_program_gives_the_same_bytes_and_another_one_does_not() {
        let archive = |program: &[u8]| {
            let image = Image::of_probe(program).unwrap();
            image.archive(&image.reference_name()).unwrap()
        };
        let (program, other) = (executable(62, None), [executable(62, None), vec![0]].concat());
        // Maps are seeded anew each time: an order that is left to chance shows.
        for _ in 0..8 {
            assert!(archive(&program) == archive(&program));
        }
        assert!(archive(&program) != archive(&other));
    }

    #[test]
    fn an_image_of_the_controller_is_another_one() {
        let program = executable(62, None);
        let (probe, controller) =
            (Image::of_probe(&program).unwrap(), Image::of_controller(&program).unwrap());
        assert_ne!(probe.manifest_digest(), controller.manifest_digest());
        assert_ne!(probe.config_digest(), probe.manifest_digest());
        assert_ne!(probe.reference_name().to_string(), controller.reference_name().to_string());
    }
}
