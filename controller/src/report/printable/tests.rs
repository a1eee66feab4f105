use std::{collections::BTreeMap, sync::LazyLock};

use clap::ValueEnum;
use serde_json::Value;

use super::*;
use crate::{
    case::environment::Environment,
    evidence::saved,
    judge::policy::Policy,
    report::{Format, text::Style},
};

/// Text that does harm wherever it stands unescaped.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{ad}\u{e0041}\u{2028}\u{85}\r\n::error::forged\r\n\
    ##[add-mask]x\n##vso[task.complete]\n---\n...\n%0A::error::forged\n</td></script><img src=x onerror=y>]]>&quot;\"'\n\
    | a | b |\n```\n# h\n![a](https://forged.example) [a](//forged.example) <https://forged.example> https://forged.example \
    www.forged.example a@forged.example [a]: //forged.example\n**[a](b)` &amp; \u{0}";
/// Text without markup, in which as much is quoted as code.
const HARMLESS: &str = "forged ```forged` forged";
const STYLE: Style = Style { width: 80, colour: false, verbose: true };

/// The places of the full content that take any text: strings, and objects that take any key.
struct Places {
    strings: Vec<String>,
    maps: Vec<String>,
}

/// Finds the places by trying each of them. Strings of closed lists refuse the text, and structs and enums refuse the key or pass
/// over it; a string of a new field is in it by itself.
static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let mut content = full();
    let (mut strings, mut maps) = (Vec::new(), Vec::new());
    collect(&content, "", &mut strings, &mut maps);
    let mut tried = BTreeMap::new();
    let mut takes = |path: &String, change: fn(&mut Value, &str)| {
        let kind: Vec<_> = path.split('/').filter(|part| part.parse::<usize>().is_err()).collect();
        *tried.entry(kind.join("/")).or_insert_with(|| {
            let before = content.pointer(path).cloned().unwrap();
            change(content.pointer_mut(path).unwrap(), HOSTILE);
            let taken = saved::is_content(&content);
            *content.pointer_mut(path).unwrap() = before;
            taken
        })
    };
    strings.retain(|path| takes(path, with_text));
    maps.retain(|path| takes(path, with_key));
    assert!(strings.len() > 100, "{}", strings.len());
    Places { strings, maps }
});

/// Returns the full content of saved evidence with a text in each of its places.
fn outside(text: &str) -> Report {
    let mut content = full();
    PLACES.strings.iter().for_each(|path| with_text(content.pointer_mut(path).unwrap(), text));
    PLACES.maps.iter().for_each(|path| with_key(content.pointer_mut(path).unwrap(), text));
    let record = saved::of_content(&content);
    Report::of(&record, &Policy::of(Environment::Production))
}

fn full() -> Value {
    serde_json::from_str(saved::FULL).unwrap()
}

fn with_text(value: &mut Value, text: &str) {
    *value = format!("{}{text}", value.as_str().unwrap()).into();
}

fn with_key(value: &mut Value, text: &str) {
    value.as_object_mut().unwrap().insert(format!("key{text}"), text.into());
}

/// Collects the paths of strings, and of objects that have strings alone.
fn collect(value: &Value, path: &str, strings: &mut Vec<String>, maps: &mut Vec<String>) {
    match value {
        Value::String(_) => strings.push(path.to_owned()),
        Value::Array(all) => {
            for (index, value) in all.iter().enumerate() {
                collect(value, &format!("{path}/{index}"), strings, maps);
            }
        }
        Value::Object(all) => {
            if !all.is_empty() && all.values().all(Value::is_string) {
                maps.push(path.to_owned());
            }
            for (key, value) in all {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, &format!("{path}/{key}"), strings, maps);
            }
        }
        _ => (),
    }
}

#[test]
fn no_format_passes_on_what_harms_its_reader() {
    let report = outside(HOSTILE);
    for &format in Format::value_variants() {
        let text = format.render(&report, STYLE).unwrap();
        let harmful = |it: &char| {
            it.is_control() && *it != '\n' || "\u{202e}\u{2066}\u{200b}\u{ad}\u{e0041}\u{2028}".contains(*it)
        };
        assert_eq!(text.chars().find(harmful), None, "{format:?}");
        let forged =
            |line: &&str| line.trim_start().starts_with("::error::") || line.contains("##[add-mask]");
        // A string of JSON begins with its quote, and nothing reads the middle of its line.
        let json =
            [Format::Json, Format::Gitlab, Format::Openreports, Format::Policyreport].contains(&format);
        assert_eq!(text.lines().find(forged).filter(|_| !json), None, "{format:?}");
        assert!(text.lines().all(|line| line != "---"), "{format:?}");
    }
}

#[test]
fn programs_read_each_format_that_is_for_them() {
    let report = outside(HOSTILE);
    let rendered = |format: Format| format.render(&report, STYLE).unwrap();
    for format in [Format::Json, Format::Sarif, Format::Gitlab, Format::Openreports, Format::Policyreport] {
        drop(serde_json::from_str::<Value>(&rendered(format)).unwrap());
    }
    drop(quick_junit::Report::deserialize_from_str(&rendered(Format::Junit)).unwrap());
    for line in rendered(Format::Github).lines() {
        let command = ["::error title=", "::warning title=", "::notice title="];
        assert!(command.iter().any(|command| line.starts_with(command)), "{line}");
    }
}

/// A tag, a link or a cell that came from outside would be one more than the harmless text has.
#[test]
fn no_format_has_markup_from_outside() {
    let (hostile, harmless) = (outside(HOSTILE), outside(HARMLESS));
    let counted = |report: &Report, format: Format, mark: &str| {
        format.render(report, STYLE).unwrap().replace(&format!("\\{mark}"), "").matches(mark).count()
    };
    for (format, marks) in [
        (Format::Html, &["<"][..]),
        (Format::Junit, &["<"]),
        (Format::Markdown, &["<", "[", "|", "![", "\n#", "\n```", "\n- ", "://", "www.", "@"]),
    ] {
        for mark in marks {
            assert_eq!(
                counted(&hostile, format, mark),
                counted(&harmless, format, mark),
                "{format:?} {mark:?}"
            );
        }
    }
}

#[test]
fn no_message_of_sarif_has_a_link() {
    let document: Value =
        serde_json::from_str(&Format::Sarif.render(&outside(HOSTILE), STYLE).unwrap()).unwrap();
    let results = document["runs"][0]["results"].as_array().unwrap();
    let messages: Vec<_> = results.iter().map(|result| result["message"]["text"].as_str().unwrap()).collect();
    assert!(messages.iter().any(|message| message.contains("\\](")));
    assert!(messages.iter().all(|message| !message.replace("\\](", "").contains("](")));
}

#[test]
fn sarif_and_what_people_read_bound_each_text() {
    let mut report = outside(HARMLESS);
    let long = "long ".repeat(1 << 18);
    report.notes.push(long.clone());
    let finding =
        report.sandboxes.iter_mut().flat_map(|sandbox| &mut sandbox.findings).find(|it| it.is_wanting());
    Arc::make_mut(finding.unwrap()).because = long;
    // The metrics have no sentences.
    let read = |format: &Format| !matches!(format, Format::Json | Format::Prometheus);
    for format in Format::value_variants().iter().copied().filter(read) {
        let text = format.render(&report, STYLE).unwrap();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("more characters)"), "{format:?}");
        assert!(text.len() < 1 << 19, "{format:?}: {}", text.len());
    }
    assert!(Format::Json.render(&report, STYLE).unwrap().len() > 2 << 20);
}

#[test]
fn each_line_for_people_has_a_bound() {
    let report = outside(&"long".repeat(1 << 12));
    for format in [Format::Text, Format::Github, Format::Markdown] {
        let text = format.render(&report, STYLE).unwrap();
        let longest = text.lines().map(str::len).max().unwrap();
        assert!(longest < 1 << 17, "{format:?}: {longest}");
    }
}
