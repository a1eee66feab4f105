//! Signed envelopes: DSSE (secure-systems-lab/dsse, `protocol.md`) in a sigstore bundle of version 0.3 (sigstore/protobuf-specs,
//! `protos/sigstore_bundle.proto`), which names its key by a hint.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::signing::{KeyError, PublicKey, SigningKey};

/// The media type of a bundle.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The type of a payload that is an in-toto statement (in-toto/attestation, `spec/v1/envelope.md`).
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Material {
    public_key: Identifier,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Identifier {
    hint: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    sig: String,
}

/// A part of a bundle that is in Base64.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Payload,
    Signature,
}

/// The reason why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsealed {
    #[error("the bundle was cut: its end is missing")]
    Cut,
    #[error("the file holds no sigstore bundle with a public key's hint and one signed envelope")]
    NotBundle(#[source] serde_json::Error),
    #[error("the bundle is of the type {0:?}, and {MEDIA_TYPE:?} is read")]
    OtherBundle(String),
    #[error("another key signed the bundle: it names the key {signer}, and yours is {yours}")]
    OtherKey { signer: String, yours: String },
    #[error("the envelope's payload is of the type {0:?}, and {PAYLOAD_TYPE:?} is read")]
    OtherPayload(String),
    #[error("the envelope has {0} signatures, and a bundle has one")]
    Signatures(usize),
    #[error("the envelope's {} is not in Base64", .0.name())]
    NotBase64(Part),
    #[error("the signature is not that of the key over this payload")]
    NotSigned,
}

/// Signs an in-toto statement. Returns the text of its bundle.
pub(crate) fn seal(key: &SigningKey, statement: &[u8]) -> Result<String, KeyError> {
    let signature = key.sign(&signed(PAYLOAD_TYPE, statement))?;
    let bundle = Bundle {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material: Material { public_key: Identifier { hint: key.public().hint() } },
        dsse_envelope: Envelope {
            payload: STANDARD.encode(statement),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature { sig: STANDARD.encode(signature) }],
        },
    };
    // Structs of texts have no value that JSON lacks.
    Ok(serde_json::to_string(&bundle).unwrap_or_default())
}

/// Returns the statement of a bundle that the key has signed.
pub(crate) fn unseal(key: &PublicKey, bundle: &[u8]) -> Result<Vec<u8>, Unsealed> {
    let unread =
        |error: serde_json::Error| if error.is_eof() { Unsealed::Cut } else { Unsealed::NotBundle(error) };
    let Bundle { media_type, verification_material, dsse_envelope } =
        serde_json::from_slice(bundle).map_err(unread)?;
    if media_type != MEDIA_TYPE {
        return Err(Unsealed::OtherBundle(media_type));
    }
    let (signer, yours) = (verification_material.public_key.hint, key.hint());
    if signer != yours {
        return Err(Unsealed::OtherKey { signer, yours });
    }
    let Envelope { payload, payload_type, signatures } = dsse_envelope;
    if payload_type != PAYLOAD_TYPE {
        return Err(Unsealed::OtherPayload(payload_type));
    }
    let [Signature { sig }] = signatures.as_slice() else {
        return Err(Unsealed::Signatures(signatures.len()));
    };
    let decoded = |part: Part, text: &str| STANDARD.decode(text).map_err(|_| Unsealed::NotBase64(part));
    let (statement, signature) = (decoded(Part::Payload, &payload)?, decoded(Part::Signature, sig)?);
    if !key.has_signed(&signed(&payload_type, &statement), &signature) {
        return Err(Unsealed::NotSigned);
    }
    Ok(statement)
}

/// Returns the bytes that a signature covers: DSSE's pre-authentication encoding.
fn signed(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Signature => "signature",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::signing::Kind;

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        let bytes = signed("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn a_sealed_statement_is_returned_to_the_key_that_signed_it() {
        for kind in [Kind::P256, Kind::Ed25519] {
            let (key, _) = SigningKey::generate(kind).unwrap();
            let bundle = seal(&key, b"{}").unwrap();
            assert_eq!(unseal(key.public(), bundle.as_bytes()).unwrap(), b"{}");
            let (other, _) = SigningKey::generate(kind).unwrap();
            assert!(matches!(unseal(other.public(), bundle.as_bytes()), Err(Unsealed::OtherKey { .. })));
        }
    }

    #[test]
    fn every_changed_byte_of_a_bundle_is_refused() {
        let (key, _) = SigningKey::generate(Kind::P256).unwrap();
        let bundle = seal(&key, br#"{"verdict":"not-ready"}"#).unwrap().into_bytes();
        for place in 0..bundle.len() {
            for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80] {
                let mut changed = bundle.clone();
                changed[place] ^= flip;
                let unsealed = unseal(key.public(), &changed);
                assert!(unsealed.is_err(), "{place} {flip}: {}", String::from_utf8_lossy(&changed));
            }
        }
    }

    #[test]
    fn every_cut_bundle_is_refused_as_cut() {
        let (key, _) = SigningKey::generate(Kind::P256).unwrap();
        let bundle = seal(&key, b"{}").unwrap();
        for length in 0..bundle.len() {
            let unsealed = unseal(key.public(), &bundle.as_bytes()[..length]);
            assert!(matches!(unsealed, Err(Unsealed::Cut)), "{length}: {unsealed:?}");
        }
    }

    #[test]
    fn each_changed_field_is_refused_by_its_kind() {
        let (key, _) = SigningKey::generate(Kind::P256).unwrap();
        let (other, _) = SigningKey::generate(Kind::P256).unwrap();
        let bundle: serde_json::Value = serde_json::from_str(&seal(&key, b"{}").unwrap()).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(&seal(&other, b"{}").unwrap()).unwrap();
        let refusal = |pointer: &str, value: serde_json::Value| {
            let mut changed = bundle.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            unseal(key.public(), changed.to_string().as_bytes()).unwrap_err()
        };
        let signature = "/dsseEnvelope/signatures/0/sig";
        let of_other = theirs.pointer(signature).unwrap().clone();
        assert!(matches!(refusal("/mediaType", "text".into()), Unsealed::OtherBundle(_)));
        assert!(matches!(
            refusal("/verificationMaterial/publicKey/hint", "".into()),
            Unsealed::OtherKey { .. }
        ));
        assert!(matches!(refusal("/dsseEnvelope/payloadType", "text".into()), Unsealed::OtherPayload(_)));
        assert!(matches!(refusal("/dsseEnvelope/payload", "?".into()), Unsealed::NotBase64(Part::Payload)));
        assert!(matches!(refusal("/dsseEnvelope/payload", "e30K".into()), Unsealed::NotSigned));
        assert!(matches!(refusal(signature, "?".into()), Unsealed::NotBase64(Part::Signature)));
        assert!(matches!(refusal(signature, "".into()), Unsealed::NotSigned));
        assert!(matches!(refusal(signature, of_other), Unsealed::NotSigned));
        let none = serde_json::Value::Array(Vec::new());
        assert!(matches!(refusal("/dsseEnvelope/signatures", none), Unsealed::Signatures(0)));
        assert!(matches!(refusal("/dsseEnvelope", 1.into()), Unsealed::NotBundle(_)));
    }
}
