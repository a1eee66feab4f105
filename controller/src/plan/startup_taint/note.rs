//! The note of a removal, as JSON in an annotation of the node. A watch that begins anew goes by it.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Bound, ENVIRONMENT, Proof};
use crate::case::environment::Environment;

/// The note of a removal.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Note {
    /// The key of the removed taint.
    pub(crate) taint: String,
    /// The environment for which the node was judged.
    pub(crate) environment: Environment,
    /// The parts of the node in which it was proven.
    #[serde(flatten)]
    pub(crate) bound: Bound,
    /// The end of the proof, by the API server's clock.
    #[serde(serialize_with = "written", deserialize_with = "read")]
    pub(crate) expires_at: Timestamp,
}

impl Note {
    /// Returns the note of a taint that a proof removes.
    pub(crate) fn of(taint: &str, Proof { bound, expires }: &Proof) -> Self {
        Self { taint: taint.to_owned(), environment: ENVIRONMENT, bound: bound.clone(), expires_at: *expires }
    }
}

fn written<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let bound = Bound { boot_id: "b1".into(), uid: "u1".into(), runtime: "containerd {\"a\":1}".into() };
        let note = Note::of("podproof.dev/unproven", &Proof { bound, expires: Timestamp::UNIX_EPOCH });
        let text = serde_json::to_string(&note).unwrap();
        assert!(text.contains(r#""expiresAt":"1970-01-01T00:00:00Z""#), "{text}");
        assert!(text.contains(r#""environment":"production""#), "{text}");
        assert_eq!(serde_json::from_str::<Note>(&text).unwrap(), note);
    }
}
