//! Makes text from untrusted places fit for the wire.

use proto::limits::TEXT;

/// Replaces each control character by U+FFFD and cuts the text to the longest length that the schema accepts.
pub(crate) fn printable(text: &str) -> String {
    cut(text, TEXT)
}

/// Replaces each control character by U+FFFD and cuts the text to `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut printable = String::new();
    for character in text.chars() {
        let character = if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
        if printable.len() + character.len_utf8() > most {
            break;
        }
        printable.push(character);
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("äää", 5), "ää");
        assert_eq!(printable(&"\n".repeat(5000)).len(), 4095);
    }
}
