//! Properties that hold for every input from outside, one body for each border. A body panics if its property is broken.
//!
//! `tests/fuzz` runs the bodies under libFuzzer; [`random`] runs them on random mutations of the same seeds.

mod bundle;
mod objects;
mod policy_file;
#[cfg(test)]
mod random;
mod saved;
mod text;
mod wire;

use clap::ValueEnum;

use crate::{
    evidence::record::Record,
    judge::policy::Policy,
    report::{Format, Report, text::Style},
};

/// Runs properties on an input.
type Body = fn(&[u8]);

/// Every body with its name, which is also the name of its target and of its folder of seeds.
const BODIES: &[(&str, Body)] = &[
    ("bundle", bundle::bundle),
    ("objects", objects::objects),
    ("policy_file", policy_file::policy_file),
    ("saved", saved::saved),
    ("text", text::text),
    ("wire", wire::wire),
];

/// Runs the body of this name on an input.
///
/// # Panics
///
/// Panics if the input breaks a property, or if there is no such body.
pub fn run(name: &str, input: &[u8]) {
    let body = BODIES.iter().find(|(known, _)| *known == name);
    assert!(body.is_some(), "there is no body {name}");
    if let Some((_, body)) = body {
        body(input);
    }
}

/// Asserts that each form of a record's report is harmless, and that the forms for programs can be parsed.
fn assert_reports(record: &Record) {
    let report = Report::of(record, &Policy::of(record.environment.environment));
    for &format in Format::value_variants() {
        let rendered = format.render(&report, Style { width: 100, colour: false, verbose: true });
        assert!(rendered.is_ok(), "{format:?}: {rendered:?}");
        let rendered = rendered.unwrap_or_default();
        assert_harmless(&rendered);
        if matches!(format, Format::Json | Format::Sarif) {
            let parsed = serde_json::from_str::<serde_json::Value>(&rendered);
            assert!(parsed.is_ok(), "{format:?}: {parsed:?}");
        }
    }
}

/// Asserts that a text of several lines has no control character and no bidirectional control (Unicode Standard Annex 9).
fn assert_harmless(text: &str) {
    let bidirectional = ['\u{61c}', '\u{200e}', '\u{200f}'];
    let harmful = text.chars().find(|&it| {
        (it.is_control() && it != '\n')
            || bidirectional.contains(&it)
            || ('\u{202a}'..='\u{202e}').contains(&it)
            || ('\u{2066}'..='\u{2069}').contains(&it)
    });
    assert_eq!(harmful, None, "{text:?}");
}
