//! The exchanges of a command, and how those of two API servers differ.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::Exchange;

/// Returns a line for each difference between the exchanges of a command at two API servers. Requests that change something have
/// an order within their namespace, except those of one kind that follow each other. Other requests have none. Repetitions of a
/// request count unless the command polls. Warnings in a namespace are read only if its pods start late, so they are compared if
/// both sides read them.
pub(crate) fn differences(one: (&str, &[Exchange]), other: (&str, &[Exchange]), polls: bool) -> Vec<String> {
    let compared = |these: &[Exchange], those: &[Exchange]| {
        let late = |it: &Exchange| {
            those.iter().any(|that| that.is_of_warnings() && that.namespace() == it.namespace())
        };
        Compared::of(these.iter().filter(|it| !it.is_of_warnings() || late(it)), polls)
    };
    let (ones, others) = (compared(one.1, other.1), compared(other.1, one.1));
    let mut found = Vec::new();
    let lines: BTreeSet<_> = ones.counts.keys().chain(others.counts.keys()).collect();
    for line in lines {
        let [in_one, in_other] = [&ones, &others].map(|it| it.counts.get(line).copied().unwrap_or_default());
        if in_one != in_other {
            found.push(format!("{in_one} times {}, {in_other} times {}: {line}", one.0, other.0));
        }
    }
    if found.is_empty() && ones.deeds != others.deeds {
        found.push(format!(
            "the order {}: {:#?}\nthe order {}: {:#?}",
            one.0, ones.deeds, other.0, others.deeds
        ));
    }
    found
}

/// The exchanges in a form that no coincidence changes.
#[derive(Debug, Default)]
struct Compared {
    /// The number of each line.
    counts: BTreeMap<String, usize>,
    /// Lines of requests that change something, by namespace. Those of one kind that follow each other are sorted.
    deeds: BTreeMap<String, Vec<(String, BTreeSet<String>)>>,
}

impl Compared {
    fn of<'a>(exchanges: impl Iterator<Item = &'a Exchange>, polls: bool) -> Self {
        let mut compared = Self::default();
        for exchange in exchanges {
            let count = compared.counts.entry(exchange.to_string()).or_default();
            *count = if polls && exchange.only_reads() { 1 } else { *count + 1 };
            if exchange.only_reads() {
                continue;
            }
            let deeds = compared.deeds.entry(exchange.namespace().to_owned()).or_default();
            let kind = kind(exchange);
            match deeds.last_mut() {
                Some((last, lines)) if *last == kind => drop(lines.insert(exchange.to_string())),
                _ => deeds.push((kind, BTreeSet::from([exchange.to_string()]))),
            }
        }
        compared
    }
}

/// Returns the method, the kind of the objects, and if the request is a rehearsal.
fn kind(exchange: &Exchange) -> String {
    let path = exchange.uri.split('?').next().unwrap_or_default();
    let rest = path.split_once("/namespaces/").map_or(path, |(_, rest)| rest);
    let resource = rest.split('/').nth(1).unwrap_or_default();
    let rehearsed = exchange.uri.contains("dryRun=All");
    let part = if exchange.is_exec() { " exec" } else { "" };
    format!("{} {resource}{part} {rehearsed}", exchange.method)
}

#[test]
fn requests_of_one_kind_that_follow_each_other_have_no_order() {
    let made = |name: &str, code| {
        Exchange::unanswered("POST", &format!("/api/v1/namespaces/a/{name}"))
            .answered(code, &serde_json::Value::Null)
    };
    let [owner, one, other] = [made("configmaps", 201), made("pods?a", 201), made("pods?b", 201)];
    let real = [owner.clone(), one.clone(), other.clone()];
    let alike = [owner.clone(), other.clone(), one.clone()];
    assert_eq!(differences(("here", &real), ("there", &alike), false), [""; 0]);
    let late = [one, owner, other.clone()];
    assert!(!differences(("here", &real), ("there", &late), false).is_empty());
    let [first, second, _] = real;
    assert!(!differences(("here", &[first, second]), ("there", &alike), false).is_empty());
}
