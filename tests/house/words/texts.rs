//! Texts of the repository: doc comments, string literals and pages.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::product::{is_punct, without_tests};

/// The kind of place that a text stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A doc comment: the `///` or `//!` lines that follow each other.
    Doc,
    /// A string literal of product code.
    Literal,
    /// A Markdown file, or a report's template.
    Page,
}

/// A text, by lines.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) file: String,
    pub(super) kind: Kind,
    /// Line numbers in the file, with their text.
    pub(super) lines: Vec<(usize, String)>,
}

impl Text {
    /// Decides if the openings of sentences are looked at. A literal that begins with a space goes on where another ended,
    /// and the probe's literals reach nobody as sentences.
    pub(super) fn is_held_to_openings(&self, sentence: usize) -> bool {
        let goes_on = sentence == 0 && self.lines.first().is_some_and(|(_, line)| line.starts_with(' '));
        match self.kind {
            Kind::Doc => true,
            Kind::Literal => self.file.starts_with("controller/") && !goes_on,
            Kind::Page => false,
        }
    }
}

/// Returns the page of a Markdown file or a template.
pub(super) fn of_page(file: &str, source: &str) -> Text {
    let lines = source.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned())).collect();
    Text { file: file.to_owned(), kind: Kind::Page, lines }
}

/// Returns the doc comments of a source file and, from the controller and the probe, the literals of several words.
pub(super) fn of_source(file: &str, source: &str) -> Vec<Text> {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reader = Reader { file, texts: Vec::new() };
    reader.docs(tokens.clone());
    let product = file.starts_with("controller/src/") || file.starts_with("probe/src/");
    if product && !is_of_tests(file) {
        reader.literals(without_tests(tokens));
    }
    reader.texts
}

/// Decides if a file is a module that only tests have.
fn is_of_tests(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/src/fixture")
}

struct Reader<'a> {
    file: &'a str,
    texts: Vec<Text>,
}

impl Reader<'_> {
    fn docs(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut lines = Vec::new();
        let mut within_inner = false;
        loop {
            // `//!` is `#![doc = …]`, `///` is `#[doc = …]`.
            let (inner, group, after) = match rest {
                [hash, mark, TokenTree::Group(group), after @ ..]
                    if is_punct(hash, '#') && is_punct(mark, '!') =>
                {
                    (true, group, after)
                }
                [hash, TokenTree::Group(group), after @ ..] if is_punct(hash, '#') => (false, group, after),
                [token, after @ ..] => {
                    self.push(Kind::Doc, &mut lines);
                    if let TokenTree::Group(group) = token {
                        self.docs(group.stream());
                    }
                    rest = after;
                    continue;
                }
                [] => break,
            };
            let doc = doc(group);
            if doc.is_empty() || inner != within_inner {
                self.push(Kind::Doc, &mut lines);
            }
            within_inner = inner;
            lines.extend(doc);
            rest = after;
        }
        self.push(Kind::Doc, &mut lines);
    }

    fn literals(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) if doc(&group).is_empty() => self.literals(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    if let syn::Lit::Str(text) = syn::Lit::new(literal)
                        && text.value().contains(' ')
                    {
                        let mut lines = text.value().lines().map(|text| (line, text.to_owned())).collect();
                        self.push(Kind::Literal, &mut lines);
                    }
                }
                _ => {}
            }
        }
    }

    fn push(&mut self, kind: Kind, lines: &mut Vec<(usize, String)>) {
        if !lines.is_empty() {
            self.texts.push(Text { file: self.file.to_owned(), kind, lines: std::mem::take(lines) });
        }
    }
}

/// Returns the lines of an attribute that is a doc comment, or nothing for any other group.
fn doc(group: &Group) -> Vec<(usize, String)> {
    let tokens: Vec<_> = group.stream().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name), equals, TokenTree::Literal(literal)]
            if group.delimiter() == Delimiter::Bracket && name == "doc" && is_punct(equals, '=') =>
        {
            let first = literal.span().start().line;
            let syn::Lit::Str(text) = syn::Lit::new(literal.clone()) else { return Vec::new() };
            text.value().split('\n').enumerate().map(|(at, line)| (first + at, line.to_owned())).collect()
        }
        _ => Vec::new(),
    }
}
