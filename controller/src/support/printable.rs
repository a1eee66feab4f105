//! The gate of all output: text from outside without characters that change how a terminal shows other text.
//!
//! Reports are cleaned in `report/printable.rs`; errors and answers in `cli/console.rs`; progress in `run/progress.rs`. Each
//! format escapes its own markup besides.

use std::fmt::Write;

/// The mark of a line that an error quotes.
const QUOTED: &str = "  | ";

/// Returns a text whose control characters and bidirectional controls are escaped.
pub(crate) fn text(text: &str) -> String {
    text.chars().fold(String::new(), |mut printed, character| {
        if is_harmful(character) {
            printed.extend(character.escape_unicode());
        } else {
            printed.push(character);
        }
        printed
    })
}

/// Returns a text as one line: line ends and tabs become spaces, and other harmful characters and the beginnings of a runner's
/// commands are escaped.
pub(crate) fn line(line: &str) -> String {
    without_commands(&text(
        &line.replace("\r\n", " ").replace(['\n', '\r', '\t', '\u{85}', '\u{2028}', '\u{2029}'], " "),
    ))
}

/// Escapes the beginnings of commands that runners look for in the lines of a log, wherever a narrow table may begin a line:
/// `::name` (actions/runner, `ActionCommand.cs`), `##[name]` and `##vso[` (Azure Pipelines, "Logging commands"). IPv6 addresses
/// stay.
fn without_commands(text: &str) -> String {
    let begins = |rest: &str| {
        let Some(name) = rest.strip_prefix("::") else { return rest.starts_with("##") };
        let name = name.chars().take_while(|it| it.is_ascii_alphabetic() || *it == '-');
        name.into_iter().any(|it| !it.is_ascii_hexdigit())
    };
    text.char_indices().fold(String::new(), |mut printed, (at, character)| {
        if text.get(at..).is_some_and(begins) {
            printed.extend(character.escape_unicode());
        } else {
            printed.push(character);
        }
        printed
    })
}

/// Returns a page whose lines and tabs stay, and whose other harmful characters are escaped.
pub(crate) fn page(page: &str) -> String {
    let stays = |character: char| matches!(character, '\n' | '\t') || !is_harmful(character);
    if page.chars().all(stays) {
        return page.to_owned();
    }
    page.split_inclusive(['\n', '\t']).fold(String::new(), |printed, part| {
        let body = part.trim_end_matches(['\n', '\t']);
        printed + &text(body) + part.get(body.len()..).unwrap_or_default()
    })
}

/// Returns an error's message, in which each further line is marked as quoted: a line that begins with `::` would be a command
/// to the runner of a GitHub workflow.
pub(crate) fn error(message: &str) -> String {
    let quoted =
        |line: &str| if line.starts_with(QUOTED) { line.to_owned() } else { format!("{QUOTED}{line}") };
    let mut lines = message.lines();
    let first = text(lines.next().unwrap_or_default());
    lines.map(|line| quoted(&text(line))).fold(first, |told, line| told + "\n" + &line)
}

/// Returns a JSON document with the same values, whose strings have no such character. Line ends between values stay;
/// strings contain none of them in JSON.
pub(crate) fn json(document: &str) -> String {
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
    fn a_line_stays_one_line() {
        assert_eq!(line("a\r\nb\u{2028}c\td\u{7f}"), "a b c d\\u{7f}");
    }

    #[test]
    fn no_word_of_a_line_is_a_runners_command() {
        assert_eq!(line("a ::error::b"), "a \\u{3a}:error::b");
        assert_eq!(line("##[error]c ##vso[d]"), "\\u{23}#[error]c \\u{23}#vso[d]");
        assert_eq!(line("###[a] :::error::b"), "\\u{23}\\u{23}#[a] :\\u{3a}:error::b");
        assert_eq!(line("[2001:db8::7]:53, ::1, ::ffff:10.0.0.1"), "[2001:db8::7]:53, ::1, ::ffff:10.0.0.1");
    }

    #[test]
    fn a_page_keeps_its_lines_and_tabs() {
        assert_eq!(page("a\n\n\tb\u{1b}c\td\n"), "a\n\n\tb\\u{1b}c\td\n");
    }

    #[test]
    fn further_lines_of_an_error_are_quoted() {
        assert_eq!(error("failed\n::error::x\n  | said\u{9b}"), "failed\n  | ::error::x\n  | said\\u{9b}");
    }

    #[test]
    fn an_escaped_document_has_the_same_values() {
        let value = serde_json::json!({ "name": "a\u{9b}b\u{202e}c\u{1b}d" });
        let document = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(document.contains("\\u009b") && document.contains("\\u202e"), "{document}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), value);
    }
}
