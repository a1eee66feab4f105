//! The gate of all output.

use super::assert_harmless;
use crate::support::printable;

/// Text of every form leaves the gate harmless, and leaves it a second time as it is.
pub(super) fn text(bytes: &[u8]) {
    let given = String::from_utf8_lossy(bytes);
    let gates: [fn(&str) -> String; 3] = [printable::text, printable::line, printable::error];
    for gate in gates {
        let printed = gate(&given);
        assert_harmless(&printed);
        assert_eq!(gate(&printed), printed);
    }
    let line = printable::line(&given);
    assert!(!line.contains('\n') && !line.contains("##"), "{line:?}");
    for (at, _) in line.match_indices("::") {
        let name = line.get(at..).unwrap_or_default().trim_start_matches(':');
        let name: String = name.chars().take_while(|it| it.is_ascii_alphabetic() || *it == '-').collect();
        assert!(name.chars().all(|it| it.is_ascii_hexdigit()), "{name:?} in {line:?}");
    }
    let page = printable::page(&given);
    assert_harmless(&page.replace('\t', " "));
    assert_eq!(printable::page(&page), page);
    for further in printable::error(&given).lines().skip(1) {
        assert!(further.starts_with("  | "), "{further:?}");
    }
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        let document = printable::json(&format!("{value:#}"));
        assert_harmless(&document);
        assert_eq!(serde_json::from_str(&document).ok(), Some(value));
    }
}
