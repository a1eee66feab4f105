//! The language of the texts that people read: doc comments, messages and pages.

mod glossary;
mod openings;
mod sentences;
mod snippets;
mod texts;

use std::collections::BTreeMap;

use texts::{Kind, Text};

use crate::sources;

/// A text that a rule would catch and that stays as it is, with the reason.
struct Exception {
    /// The file's name from the repository's top folder.
    file: &'static str,
    /// A part of the sentence.
    part: &'static str,
    /// The reason, for the reader of this list.
    _why: &'static str,
}

/// The list of exceptions, which never grows past ten.
const EXCEPTIONS: &[Exception] = &[];

/// A sentence that breaks a rule.
#[derive(Debug)]
struct Breach {
    file: String,
    line: usize,
    rule: String,
    sentence: String,
}

impl Breach {
    fn is_excepted_by(&self, exception: &Exception) -> bool {
        self.file == exception.file && self.sentence.contains(exception.part)
    }
}

/// Returns each break of a rule in one text.
fn breaches(text: &Text) -> Vec<Breach> {
    let mut found = Vec::new();
    let breach = |line, rule, sentence: &str| Breach {
        file: text.file.clone(),
        line,
        rule,
        sentence: sentence.to_owned(),
    };
    let sentences = sentences::of(&text.lines);
    if text.kind == Kind::Doc && sentences.iter().map(sentences::Sentence::words).sum::<usize>() < 3 {
        let whole: Vec<_> = text.lines.iter().map(|(_, line)| line.trim()).collect();
        let line = text.lines.first().map_or(0, |(line, _)| *line);
        found.push(breach(line, "fewer than three words".to_owned(), &whole.join(" ")));
    }
    for (index, sentence) in sentences.iter().enumerate() {
        if text.is_held_to_openings(index)
            && let Some(opening) = openings::barred(sentence, text.kind)
        {
            found.push(breach(sentence.line, format!("begins with {opening:?}"), &sentence.text));
        }
        for word in glossary::barred(sentence, text.kind) {
            found.push(breach(sentence.line, format!("says {word:?}"), &sentence.text));
        }
    }
    found
}

/// Returns the texts of every package and page.
fn all() -> Vec<Text> {
    let mut all = Vec::new();
    for package in ["controller", "probe", "proto", "tests"] {
        for file in sources::files(package, "rs") {
            all.extend(texts::of_source(&file, &sources::read(&file)));
        }
    }
    let pages = [sources::files("", "md"), sources::files("controller/templates", "html")].concat();
    all.extend(pages.iter().map(|file| texts::of_page(file, &sources::read(file))));
    all
}

#[test]
fn the_exceptions_are_few() {
    assert!(EXCEPTIONS.len() <= 10, "{} exceptions", EXCEPTIONS.len());
}

#[test]
fn every_exception_is_needed() {
    let found: Vec<_> = all().iter().flat_map(breaches).collect();
    for exception in EXCEPTIONS {
        let needed = found.iter().any(|breach| breach.is_excepted_by(exception));
        assert!(needed, "nothing in {} breaks a rule with {:?}", exception.file, exception.part);
    }
}

/// With `ONLY_PATH=controller/src/judge`, looks at that folder alone.
#[test]
fn every_text_keeps_the_rules() {
    let only = std::env::var("ONLY_PATH").unwrap_or_default();
    let mut lines = Vec::new();
    let mut folders = BTreeMap::<_, usize>::new();
    for breach in all().iter().flat_map(breaches) {
        let excepted = EXCEPTIONS.iter().any(|exception| breach.is_excepted_by(exception));
        if !excepted && breach.file.starts_with(&only) {
            lines.push(format!("{}:{}: {}: {}", breach.file, breach.line, breach.rule, breach.sentence));
            *folders.entry(sources::folder(&breach.file).to_owned()).or_default() += 1;
        }
    }
    let folders: Vec<_> = folders.iter().map(|(folder, count)| format!("{count:5} {folder}")).collect();
    let (texts, counts) = (lines.join("\n"), folders.join("\n"));
    assert!(lines.is_empty(), "{} sentences break a rule:\n{texts}\n\nby folder:\n{counts}", lines.len());
}
