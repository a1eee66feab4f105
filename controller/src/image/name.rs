//! How an image is called: a registry, a repository and a tag.

use std::{fmt, str::FromStr};

use oci_client::{ParseError, Reference};

use super::{Content, Image, VERSION};

/// Nobody can own this name (RFC 6761), so nobody but the user can ever deliver an image under it.
const NOBODYS: &str = "podproof.invalid";
/// What a reference without a tag is taken for.
const LATEST: &str = "latest";

/// A reference in full, with a tag and without a digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name(Reference);

/// Why a text is no such name.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It is no reference at all.
    #[error("give a reference such as registry.example/podproof/probe:1.0")]
    Parse(#[source] ParseError),
    /// It has a digest.
    #[error("leave the digest out: it follows from the image")]
    Digest,
}

impl Name {
    pub(super) fn of(content: Content) -> Self {
        Self(Reference::with_tag(NOBODYS.to_owned(), content.to_string(), VERSION.to_owned()))
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.0
    }

    /// The tag alone.
    pub fn tag(&self) -> &str {
        self.0.tag().unwrap_or(VERSION)
    }

    /// The name, bound to the image that has it now.
    pub fn pinned(&self, image: &Image) -> String {
        format!("{self}@{}", image.manifest_digest())
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let reference = Reference::from_str(text).map_err(Error::Parse)?;
        if reference.digest().is_some() {
            return Err(Error::Digest);
        }
        let is_tagged = reference.tag() != Some(LATEST) || text.ends_with(&format!(":{LATEST}"));
        if is_tagged {
            return Ok(Self(reference));
        }
        // A kubelet pulls `latest` anew each time, and would never start what was imported.
        let (registry, repository) = (reference.registry().to_owned(), reference.repository().to_owned());
        Ok(Self(Reference::with_tag(registry, repository, VERSION.to_owned())))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_full_and_has_the_version_for_a_tag() {
        for (text, full) in [
            ("probe", format!("docker.io/library/probe:{VERSION}")),
            ("127.0.0.1:5000/a/probe", format!("127.0.0.1:5000/a/probe:{VERSION}")),
            ("registry.example/probe:latest", "registry.example/probe:latest".to_owned()),
            ("registry.example/probe:x", "registry.example/probe:x".to_owned()),
        ] {
            assert_eq!(Name::from_str(text).unwrap().to_string(), full);
        }
        assert_eq!(Name::of(Content::Probe).to_string(), format!("podproof.invalid/probe:{VERSION}"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let digest = "a".repeat(64);
        let pinned = format!("registry.example/probe@sha256:{digest}");
        assert_eq!(Name::from_str(&pinned), Err(Error::Digest));
        for wrong in
            ["", "registry.example/UPPER", "registry.example/probe:", "a b", "https://registry.example/probe"]
        {
            assert!(matches!(Name::from_str(wrong), Err(Error::Parse(_))), "{wrong}");
        }
    }
}
