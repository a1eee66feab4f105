//! The file of saved evidence.

use crate::evidence::saved::{decode, encode, read};

/// Any bytes are a file or a refusal. A file's content, here without the digest around it, is written as it was read, and
/// its reports are harmless.
pub(super) fn saved(bytes: &[u8]) {
    _ = decode(bytes);
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok((record, provenance)) = read(text) else { return };
    let written = encode(&record, &provenance);
    assert!(written.is_ok(), "{written:?}");
    let written = written.unwrap_or_default();
    let again = decode(&written);
    assert!(again.is_ok(), "{again:?}");
    if let Ok((record, provenance)) = again {
        assert_eq!(encode(&record, &provenance).ok().as_ref(), Some(&written));
    }
    super::assert_reports(&record);
}
