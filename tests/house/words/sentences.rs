//! Sentences of a text.

/// A sentence, or a heading, a cell or any other text that ends with its line.
#[derive(Debug)]
pub(super) struct Sentence {
    /// The line that the sentence begins on.
    pub(super) line: usize,
    pub(super) text: String,
}

impl Sentence {
    /// Returns the number of words. A lone sign is no word.
    pub(super) fn words(&self) -> usize {
        self.text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
    }

    /// Returns the text with each name in backticks cut out: a name is no word.
    pub(super) fn without_names(&self) -> String {
        self.text.split('`').step_by(2).collect::<Vec<_>>().join("`")
    }
}

/// Splits lines into sentences. Fenced code is left out.
pub(super) fn of(lines: &[(usize, String)]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut open = Sentence { line: 0, text: String::new() };
    let mut fenced = false;
    for (number, line) in lines {
        let line = line.trim();
        let fence = line.starts_with("```") || line.starts_with("~~~");
        fenced ^= fence;
        let content = line.trim_start_matches(['#', '>', '-', '*', '|', ' ']);
        if line.is_empty() || fence || line.starts_with('<') || content.len() < line.len() {
            end(&mut open, &mut sentences);
        }
        if fenced || fence {
            continue;
        }
        for cell in content.split(" | ") {
            for word in cell.split_whitespace() {
                if begins_sentence(&open.text, word) {
                    end(&mut open, &mut sentences);
                }
                if open.text.is_empty() {
                    open.line = *number;
                } else {
                    open.text.push(' ');
                }
                open.text.push_str(word);
            }
            if line.starts_with('|') {
                end(&mut open, &mut sentences);
            }
        }
    }
    end(&mut open, &mut sentences);
    sentences
}

fn end(open: &mut Sentence, sentences: &mut Vec<Sentence>) {
    if !open.text.is_empty() {
        sentences.push(Sentence { line: open.line, text: std::mem::take(&mut open.text) });
    }
}

fn begins_sentence(before: &str, word: &str) -> bool {
    let closed = before.trim_end_matches([')', ']', '"', '*', '_', '`']).ends_with(['.', '!', '?']);
    closed && !word.starts_with(char::is_lowercase)
}
