//! Sentences with commands in backticks, which the page sets in a fixed pitch.

/// A stretch of a sentence.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// True if the text stood between backticks.
    pub(super) code: bool,
}

/// Splits a sentence at its backticks. A backtick without a partner stays in the text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else { break };
        pieces.push(Piece { text: before, code: false });
        pieces.push(Piece { text: code, code: true });
        rest = after;
    }
    pieces.push(Piece { text: rest, code: false });
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_between_backticks_are_code() {
        let told = |text| pieces(text).iter().map(|piece| (piece.text, piece.code)).collect::<Vec<_>>();
        assert_eq!(
            told("run `a b`, then `c`"),
            [("run ", false), ("a b", true), (", then ", false), ("c", true)]
        );
        assert_eq!(told("`whole`"), [("whole", true)]);
    }

    #[test]
    fn a_single_backtick_is_text() {
        let told = |text| pieces(text).iter().map(|piece| (piece.text, piece.code)).collect::<Vec<_>>();
        assert_eq!(told("a ` b"), [("a ` b", false)]);
        assert_eq!(told("`a` and ` b"), [("a", true), (" and ` b", false)]);
        assert_eq!(told(""), []);
    }
}
