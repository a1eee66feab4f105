//! Words that the project has a better word for.

use super::sentences::Sentence;
use super::texts::Kind;

/// Words that no text says: a probe *represents* a group, a *listener* is reached, *evidence* is read, and pods *do not exist
/// yet*.
const ANYWHERE: &[&str] =
    &["stand for", "stands for", "what is to come", "what was seen", "witness", "witnessed", "witnesses"];

/// Words that no message says of an outcome, which is *met*, *unmet*, *inconclusive* or *not applicable*.
const IN_MESSAGES: &[&str] = &["left open", "undecided", "wanting"];

/// Returns the barred words of a sentence.
pub(super) fn barred(sentence: &Sentence, kind: Kind) -> Vec<&'static str> {
    let text = spaced(&sentence.without_names());
    let messages = if kind == Kind::Literal { IN_MESSAGES } else { &[] };
    ANYWHERE.iter().chain(messages).copied().filter(|word| text.contains(&spaced(word))).collect()
}

/// Returns a text's words in small letters, with a space before and after each. An identifier is one word.
fn spaced(text: &str) -> String {
    let words: Vec<_> = text
        .split(|sign: char| !sign.is_alphanumeric() && sign != '_')
        .filter(|word| !word.is_empty())
        .collect();
    format!(" {} ", words.join(" ").to_lowercase())
}
