//! The gate of all output: text from outside without characters that change how a terminal shows other text.
//!
//! Reports are cleaned in `report/printable.rs`; errors and answers in `cli/console.rs`; progress in `run/progress.rs`. Each
//! format escapes its own markup besides.

use std::{fmt::Write, io};

/// The mark of a line that an error quotes.
const QUOTED: &str = "  | ";
/// The most characters of a line. A report's longest sentences have a tenth of them.
const MOST: usize = 8192;
/// The harmful character of ASCII that JSON does not escape (RFC 8259, section 7).
const DELETE: u8 = 0x7f;
/// The most lines of an error.
const LINES: usize = 100;

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
/// commands are escaped. A line that is too long ends with the number of characters that are left out.
pub(crate) fn line(line: &str) -> String {
    shortened(&without_commands(&text(
        &line.replace("\r\n", " ").replace(['\n', '\r', '\t', '\u{85}', '\u{2028}', '\u{2029}'], " "),
    )))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => {
            let (kept, left) = text.split_at(end);
            format!("{kept}… ({} more characters)", left.chars().count())
        }
        None => text.to_owned(),
    }
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

/// Returns an error's message, in which each further line is marked as quoted. A message that is too long ends with the number
/// of lines that are left out.
pub(crate) fn error(message: &str) -> String {
    let quoted =
        |line: &str| if line.starts_with(QUOTED) { line.to_owned() } else { format!("{QUOTED}{line}") };
    let mut lines = message.lines();
    let first = line(lines.next().unwrap_or_default());
    let told = lines.by_ref().take(LINES).map(|it| quoted(&line(it)));
    let told = told.fold(first, |told, line| told + "\n" + &line);
    match lines.count() {
        0 => told,
        left => format!("{told}\n{QUOTED}({left} more lines)"),
    }
}

/// Returns a YAML document with the same values as a JSON document, whose strings have no such character. JSON is YAML, and YAML
/// escapes a character by its number (yaml.org, "YAML Ain't Markup Language", "Escaped Characters").
pub(crate) fn yaml(json: &str) -> String {
    json.chars().fold(String::new(), |mut printed, character| {
        if is_harmful(character) && character != '\n' {
            // Writing to a string does not fail.
            _ = write!(printed, "\\U{:08x}", u32::from(character));
        } else {
            printed.push(character);
        }
        printed
    })
}

/// A writer of a JSON document, which it makes harmless as [`json`] does. Each piece must be whole characters.
pub(crate) struct JsonWriter<'a>(pub(crate) &'a mut dyn io::Write);

impl io::Write for JsonWriter<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        // JSON has escaped every other harmful character of ASCII. Most of a report is such pieces.
        if piece.is_ascii() && !piece.contains(&DELETE) {
            return self.0.write(piece);
        }
        let text =
            str::from_utf8(piece).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.0.write_all(json(text).as_bytes())?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns a JSON document with the same values, whose strings have no such character. Line ends between values stay;
/// strings contain none of them in JSON.
pub(crate) fn json(document: &str) -> String {
    document.chars().fold(String::new(), |mut printed, character| {
        if is_harmful(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                _ = write!(printed, "\\u{unit:04x}");
            }
        } else {
            printed.push(character);
        }
        printed
    })
}

/// Returns true for a control character, and for a character that reorders text or has no shape (Unicode Standard Annex 9,
/// "Directional Formatting Characters"; Unicode's property `Default_Ignorable_Code_Point`). The variation selectors of emoji
/// stay.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
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
        assert_eq!(
            error("failed\n::error::x\n  | said\u{9b} ##[add-mask]a"),
            "failed\n  | \\u{3a}:error\\u{3a}:x\n  | said\\u{9b} \\u{23}#[add-mask]a"
        );
    }

    #[test]
    fn a_long_line_tells_how_much_is_left_out() {
        let long = "é".repeat(1 << 20);
        let told = line(&long);
        assert!(told.ends_with("é… (1040384 more characters)"), "{}", told.len());
        assert_eq!(told.chars().filter(|it| *it == 'é').count(), MOST);
        assert_eq!(line(&"a".repeat(MOST)).len(), MOST);
    }

    #[test]
    fn a_long_error_tells_how_much_is_left_out() {
        let told = error(&"no\n".repeat(1 << 20));
        assert!(told.ends_with("  | no\n  | (1048475 more lines)"), "{told}");
    }

    #[test]
    fn characters_without_a_shape_are_escaped() {
        assert_eq!(text("a\u{ad}b\u{3164}c\u{e0041}"), "a\\u{ad}b\\u{3164}c\\u{e0041}");
        assert_eq!(text("☁\u{fe0f}"), "☁\u{fe0f}");
    }

    #[test]
    fn an_escaped_document_has_the_same_values() {
        let value = serde_json::json!({ "name": "a\u{9b}b\u{202e}c\u{1b}d\u{e0041}", "e\u{7f}": "f\n" });
        let document = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            document.contains("\\u009b")
                && document.contains("e\\u007f")
                && document.contains("\\udb40\\udc41"),
            "{document}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), value);
        let mut written = Vec::new();
        serde_json::to_writer_pretty(JsonWriter(&mut written), &value).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), document);
        let document = yaml(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(page(&document), document);
        assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&document).unwrap(), value);
    }
}
