//! Text from a cluster without characters that change how a terminal shows other text.

use std::fmt::Write;

/// Returns a text whose control characters and bidirectional controls are escaped.
pub(super) fn text(text: &str) -> String {
    text.chars().fold(String::new(), |mut printed, character| {
        if is_harmful(character) {
            printed.extend(character.escape_unicode());
        } else {
            printed.push(character);
        }
        printed
    })
}

/// Returns a JSON document with the same values, whose strings have no such character. Line ends between values stay;
/// strings contain none of them in JSON.
pub(super) fn json(document: &str) -> String {
    document.chars().fold(String::new(), |mut printed, character| {
        if is_harmful(character) && character != '\n' {
            // Writing to a string does not fail.
            _ = write!(printed, "\\u{:04x}", u32::from(character));
        } else {
            printed.push(character);
        }
        printed
    })
}

/// Returns true for a control character, and for a character that reorders or hides text (Unicode Standard Annex 9,
/// "Directional Formatting Characters").
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_move_or_reorder_text_are_escaped() {
        assert_eq!(text("web\u{1b}[2J\u{202e}x\n"), "web\\u{1b}[2J\\u{202e}x\\u{a}");
        assert_eq!(text("größe-1 東京"), "größe-1 東京");
    }

    #[test]
    fn an_escaped_document_has_the_same_values() {
        let value = serde_json::json!({ "name": "a\u{9b}b\u{202e}c\u{1b}d" });
        let document = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(document.contains("\\u009b") && document.contains("\\u202e"), "{document}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), value);
    }
}
