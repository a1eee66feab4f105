//! Bytes that are identified by their digest.

use std::str::FromStr;

use oci_spec::{
    OciSpecError,
    image::{Descriptor, MediaType, Sha256Digest},
};
use olpc_cjson::CanonicalFormatter;
use serde::Serialize;

use super::Error;
use crate::support::digest::sha256;

/// A part of an image, with its descriptor.
#[derive(Clone, Debug)]
pub struct Blob {
    descriptor: Descriptor,
    bytes: Vec<u8>,
}

impl Blob {
    pub(super) fn new(media_type: MediaType, bytes: Vec<u8>) -> Result<Self, OciSpecError> {
        let digest = Sha256Digest::from_str(&sha256(&bytes))?;
        let descriptor = Descriptor::new(media_type, bytes.len() as u64, digest);
        Ok(Self { descriptor, bytes })
    }

    pub(super) fn of_json(media_type: MediaType, value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::new(media_type, json(value)?)?)
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Returns the digest, as `sha256:…`.
    pub fn digest(&self) -> &str {
        self.descriptor.digest().as_ref()
    }

    /// Returns the media type, as registries name it.
    pub fn media_type(&self) -> String {
        self.descriptor.media_type().to_string()
    }

    /// Returns the bytes of the digest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Renders JSON with sorted keys: the types of the specification keep annotations in hash maps.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, CanonicalFormatter::new()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sha256_of_the_bytes() {
        let blob = Blob::new(MediaType::ImageLayer, b"abc".to_vec()).unwrap();
        // FIPS 180-2, appendix B.1.
        let wanted = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(blob.digest(), wanted);
        assert_eq!(blob.descriptor().size(), 3);
        assert_eq!(blob.media_type(), "application/vnd.oci.image.layer.v1.tar");
    }
}
