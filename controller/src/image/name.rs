//! The name of an image: a registry, a repository and a tag.

use std::{fmt, str::FromStr};

use oci_client::{ParseError, Reference};

use super::{Blob, Content, Images, VERSION};

/// The default registry. Nobody can own this name (RFC 6761), so only the user can deliver an image under it.
const NOBODYS: &str = "podproof.invalid";
/// The tag of a reference without a tag.
const LATEST: &str = "latest";

/// A complete reference with a tag and without a digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name(Reference);

/// Why a text is no name of an image.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The text is no reference.
    #[error("give a reference such as registry.example/podproof/probe:1.0")]
    Parse(#[source] ParseError),
    /// The reference has a digest.
    #[error("leave the digest out: the controller computes it from the image")]
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

    /// Returns the name with the digest of these images.
    pub fn pinned(&self, images: &Images) -> String {
        format!("{self}@{}", images.top().digest())
    }

    /// Returns the reference of a manifest by its digest. The digest stands in the place of the tag: the client panics at a
    /// registry without the header `Location` if a reference ends otherwise (oci-client, `push_manifest_raw`).
    pub(super) fn by_digest(&self, manifest: &Blob) -> Reference {
        let (registry, repository) = (self.0.registry().to_owned(), self.0.repository().to_owned());
        Reference::with_tag(registry, repository, manifest.digest().to_owned())
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
        // A kubelet pulls `latest` on every start, so an imported image would never start.
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
    fn a_name_is_completed_with_the_version_as_its_tag() {
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
    fn an_invalid_name_is_refused() {
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
