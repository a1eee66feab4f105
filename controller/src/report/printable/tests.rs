use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::{
    case::environment::Environment,
    evidence::saved,
    judge::policy::Policy,
    report::{Format, text::Style},
};

/// Text that does harm wherever it stands unescaped.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}\r\n::error::forged\n---\n</td><img src=x onerror=y>]]>|**[a](b)` &amp; \u{0}";
const STYLE: Style = Style { width: 80, colour: false, verbose: true };

/// Returns the full content of saved evidence with hostile text in every string that may have any text. Strings of closed lists
/// refuse it and stay; a string of a new field is in it by itself.
fn hostile() -> Report {
    let mut content: Value = serde_json::from_str(saved::FULL).unwrap();
    let mut paths = Vec::new();
    strings(&content, "", &mut paths);
    let mut changed = 0;
    let mut refused = BTreeSet::new();
    for path in paths {
        let kind =
            path.split('/').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join("/");
        if refused.contains(&kind) {
            continue;
        }
        let place = content.pointer_mut(&path).unwrap();
        let before = place.take();
        *place = format!("{}{HOSTILE}", before.as_str().unwrap()).into();
        if saved::is_content(&content) {
            changed += 1;
        } else {
            *content.pointer_mut(&path).unwrap() = before;
            refused.insert(kind);
        }
    }
    assert!(changed > 100, "{changed}");
    let record = saved::of_content(&content);
    Report::of(&record, &Policy::of(Environment::Production))
}

fn strings(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(all) => {
            all.iter()
                .enumerate()
                .for_each(|(index, value)| strings(value, &format!("{path}/{index}"), found));
        }
        Value::Object(all) => {
            for (key, value) in all {
                let key = key.replace('~', "~0").replace('/', "~1");
                strings(value, &format!("{path}/{key}"), found);
            }
        }
        _ => (),
    }
}

#[test]
fn no_format_passes_on_what_harms_its_reader() {
    let report = hostile();
    for format in [
        Format::Text,
        Format::Json,
        Format::Junit,
        Format::Sarif,
        Format::Github,
        Format::Markdown,
        Format::Html,
    ] {
        let text = format.render(&report, STYLE).unwrap();
        let harmful = |it: &char| it.is_control() && *it != '\n' || "\u{202e}\u{2066}\u{200b}".contains(*it);
        assert_eq!(text.chars().find(harmful), None, "{format:?}");
        let forged = text.lines().find(|line| line.trim_start().starts_with("::error::"));
        assert_eq!(forged, None, "{format:?}");
        assert!(text.lines().all(|line| line != "---"), "{format:?}");
        match format {
            Format::Json | Format::Sarif => drop(serde_json::from_str::<Value>(&text).unwrap()),
            Format::Github => assert!(text.lines().all(|line| line.starts_with("::")), "{text}"),
            Format::Html | Format::Junit => assert!(!text.contains("<img"), "{format:?}"),
            Format::Markdown => assert!(!text.replace("\\<", "").contains("<img"), "{text}"),
            Format::Text => (),
        }
    }
}
