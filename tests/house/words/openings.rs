//! Words that no sentence begins with, unless it is a question.

use super::sentences::Sentence;
use super::texts::Kind;

const BARRED: &[&str] = &["What", "Whether", "Whoever", "Where", "That", "Which"];

/// Prepositions that bring the same fault: "By which …".
const BEFORE_WHICH: &[&str] = &["As", "At", "By", "For", "From", "In", "Of", "On", "To", "With"];

/// Returns the barred opening of a sentence. A message begins in small letters too (`#[error("what …")]`), and a part of a
/// message that begins with a space begins no sentence.
pub(super) fn barred(sentence: &Sentence, kind: Kind) -> Option<String> {
    if sentence.text.ends_with('?') {
        return None;
    }
    let mut words = sentence.text.split_whitespace().map(|word| {
        word.trim_start_matches(['*', '_', '(', '"', '\'']).split(|sign: char| !sign.is_alphanumeric()).next()
    });
    let first = words.next()??;
    let second = words.next().flatten().unwrap_or_default();
    let alike = |word: &&&str| **word == first || (kind == Kind::Literal && word.to_lowercase() == first);
    let plain = BARRED.iter().find(alike).map(|word| (*word).to_owned());
    plain.or_else(|| {
        let before = BEFORE_WHICH.iter().find(alike)?;
        (second == "which").then(|| format!("{before} which"))
    })
}
