//! Text that was read from a place the probe does not trust, made fit for the wire.

use proto::limits::TEXT;

/// The text without control characters, each of which becomes U+FFFD, cut to what the schema accepts.
pub(crate) fn printable(text: &str) -> String {
    cut(text, TEXT)
}

/// The same, cut to `most` bytes.
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
    fn control_characters_are_replaced_and_length_is_bounded_at_a_character() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(cut("äää", 5), "ää");
        assert_eq!(printable(&"\n".repeat(5000)).len(), 4095);
    }
}
