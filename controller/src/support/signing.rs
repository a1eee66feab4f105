//! Keys that sign: ECDSA on P-256, which is cosign's kind, and Ed25519. A private key is never shown.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::ValueEnum;
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};
use sha2::{Digest, Sha256};

/// The length of a line in a PEM file (RFC 7468, section 2).
const LINE: usize = 64;

/// The kind of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// ECDSA on the curve P-256, which cosign makes too
    P256,
    /// Ed25519, a key of fixed size
    Ed25519,
}

/// A private key, with its public half.
pub(crate) struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PublicKey {
    kind: Kind,
    /// The bare key, as [`Kind::prefix`] precedes it.
    bytes: Vec<u8>,
}

/// The reason why a key cannot be used. No text of a key is part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum KeyError {
    /// The text has no private key in PKCS#8 PEM, or the key is encrypted.
    #[error("it holds no private key in PKCS#8 PEM without a passphrase")]
    NoPrivateKey,
    /// The text has no public key in PEM.
    #[error("it holds no public key in PEM")]
    NoPublicKey,
    /// The key is of another kind.
    #[error("its key is neither ECDSA on P-256 nor Ed25519")]
    OtherKind,
    /// The kernel gave no random numbers.
    #[error("the system gave no random numbers")]
    NoRandomness,
}

impl Kind {
    /// Returns the bytes of a `SubjectPublicKeyInfo` before the bare key (RFC 5480, section 2; RFC 8410, section 4).
    const fn prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => {
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
            }
            Self::Ed25519 => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
        }
    }

    /// Returns the length of the bare key in bytes.
    const fn length(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::Ed25519 => 32,
        }
    }

    fn algorithm(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::Ed25519 => &ED25519,
        }
    }
}

// === impl SigningKey ===

impl SigningKey {
    /// Makes a key. Returns it with its PEM text, which has no passphrase.
    pub(crate) fn generate(kind: Kind) -> Result<(Self, String), KeyError> {
        let random = SystemRandom::new();
        let document = match kind {
            Kind::P256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random),
            Kind::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
        };
        let document = document.map_err(|_| KeyError::NoRandomness)?;
        Ok((Self::of(document.as_ref())?, pem("PRIVATE KEY", document.as_ref())))
    }

    /// Reads a private key from the text of a PEM file.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let document = PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|_| KeyError::NoPrivateKey)?;
        Self::of(document.secret_pkcs8_der())
    }

    fn of(document: &[u8]) -> Result<Self, KeyError> {
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document, &SystemRandom::new());
        let (kind, pair) = match p256 {
            Ok(pair) => (Kind::P256, Pair::P256(pair)),
            // The file of another program may lack the public half of an Ed25519 key.
            Err(_) => match Ed25519KeyPair::from_pkcs8_maybe_unchecked(document) {
                Ok(pair) => (Kind::Ed25519, Pair::Ed25519(pair)),
                Err(_) => return Err(KeyError::OtherKind),
            },
        };
        let bytes = match &pair {
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        Ok(Self { pair, public: PublicKey { kind, bytes } })
    }

    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message; an ECDSA signature is in ASN.1, as cosign reads it.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = match &self.pair {
            Pair::P256(pair) => {
                pair.sign(&SystemRandom::new(), message).map_err(|_| KeyError::NoRandomness)?
            }
            Pair::Ed25519(pair) => pair.sign(message),
        };
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// Reads a public key from the text of a PEM file.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let document = SubjectPublicKeyInfoDer::from_pem_slice(text).map_err(|_| KeyError::NoPublicKey)?;
        let of = |kind: Kind| {
            let bytes = document.as_ref().strip_prefix(kind.prefix())?;
            (bytes.len() == kind.length()).then(|| Self { kind, bytes: bytes.to_vec() })
        };
        of(Kind::P256).or_else(|| of(Kind::Ed25519)).ok_or(KeyError::OtherKind)
    }

    /// Returns the text of a PEM file.
    pub(crate) fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.document())
    }

    /// Returns the hint by which a sigstore bundle names the key: the SHA-256 of its `SubjectPublicKeyInfo` in Base64 (cosign,
    /// `internal/key/svkeypair.go`).
    pub(crate) fn hint(&self) -> String {
        STANDARD.encode(Sha256::digest(self.document()))
    }

    /// Returns true if the key made the signature of the message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.kind.algorithm(), &self.bytes).verify(message, signature).is_ok()
    }

    fn document(&self) -> Vec<u8> {
        [self.kind.prefix(), &self.bytes].concat()
    }
}

fn pem(label: &str, document: &[u8]) -> String {
    let text = STANDARD.encode(document);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every place is a border of signs.
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of a key without its public half, and its public half (RFC 8410, section 10).
    const EXAMPLE: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
    ];

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for kind in [Kind::P256, Kind::Ed25519] {
            let (key, text) = SigningKey::generate(kind).unwrap();
            let (private, public) = (
                SigningKey::from_pem(text.as_bytes()).unwrap(),
                PublicKey::from_pem(key.public().pem().as_bytes()),
            );
            assert_eq!(public.as_ref(), Ok(private.public()));
            let signature = private.sign(b"message").unwrap();
            assert!(key.public().has_signed(b"message", &signature));
            assert!(!key.public().has_signed(b"massage", &signature));
        }
    }

    #[test]
    fn a_key_without_its_public_half_is_read() {
        let [private, public] = EXAMPLE;
        let key = SigningKey::from_pem(private.as_bytes()).unwrap();
        assert_eq!(PublicKey::from_pem(public.as_bytes()).as_ref(), Ok(key.public()));
        assert_eq!(key.public().pem(), public);
    }

    #[test]
    fn other_texts_are_refused_by_their_kind() {
        let (key, text) = SigningKey::generate(Kind::P256).unwrap();
        let encrypted = text.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for wrong in ["", "no key", &encrypted, &key.public().pem()] {
            assert_eq!(SigningKey::from_pem(wrong.as_bytes()).err(), Some(KeyError::NoPrivateKey), "{wrong}");
        }
        assert_eq!(PublicKey::from_pem(text.as_bytes()).err(), Some(KeyError::NoPublicKey));
        let other = pem("PUBLIC KEY", &[Kind::Ed25519.prefix(), &[7; 31]].concat());
        assert_eq!(PublicKey::from_pem(other.as_bytes()).err(), Some(KeyError::OtherKind));
        let other = pem("PRIVATE KEY", b"RSA");
        assert_eq!(SigningKey::from_pem(other.as_bytes()).err(), Some(KeyError::OtherKind));
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let (key, text) = SigningKey::generate(Kind::Ed25519).unwrap();
        let secret: String = text.lines().skip(1).take(1).collect();
        let shown = format!("{key:?}");
        assert!(shown.starts_with("SigningKey { public: ") && !shown.contains(&secret), "{shown}");
    }
}
