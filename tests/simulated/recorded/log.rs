//! The exchanges of a command, and how those of two API servers differ.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::Exchange;

/// Returns a line for each difference between the exchanges of a command at two API servers. Requests that change something have
/// an order within their namespace, except those of one kind that follow each other. Other requests have none, and count once: a
/// slow cluster is asked again.
///
/// Two kinds of requests depend on the pace of the cluster, and are compared only if both sides made them: warnings are read if pods
/// start late, and a run deletes its pods itself, once or twice, where garbage collection has not.
pub(crate) fn differences(
    one: (&str, &[Exchange]),
    other: (&str, &[Exchange]),
    deletes: bool,
) -> Vec<String> {
    let compared = |these: &[Exchange], those: &[Exchange]| {
        let in_both = |it: &Exchange| {
            let is_late = |that: &Exchange| that.is_of_warnings() && that.namespace() == it.namespace();
            let is_deletion = |that: &Exchange| that.deletes_a_pod() && that.uri == it.uri;
            if it.is_of_warnings() {
                those.iter().any(is_late)
            } else {
                deletes || !it.deletes_a_pod() || those.iter().any(is_deletion)
            }
        };
        Compared::of(these.iter().filter(|it| in_both(it)), deletes)
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
    fn of<'a>(exchanges: impl Iterator<Item = &'a Exchange>, deletes: bool) -> Self {
        let mut compared = Self::default();
        for exchange in exchanges {
            let depends_on_pace = !deletes && exchange.deletes_a_pod();
            let line =
                if depends_on_pace { format!("DELETE {}", exchange.uri) } else { exchange.to_string() };
            let count = compared.counts.entry(line.clone()).or_default();
            let counts_once = depends_on_pace || exchange.only_reads() || exchange.is_exec();
            *count = if counts_once { 1 } else { *count + 1 };
            if exchange.only_reads() {
                continue;
            }
            let deeds = compared.deeds.entry(exchange.namespace().to_owned()).or_default();
            let kind = kind(exchange);
            match deeds.last_mut() {
                Some((last, lines)) if *last == kind => drop(lines.insert(line)),
                _ => deeds.push((kind, BTreeSet::from([line]))),
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

#[test]
fn deletions_of_pods_depend_on_the_pace_of_the_cluster() {
    let deleted = |name: &str, code| {
        Exchange::unanswered("DELETE", &format!("/api/v1/namespaces/a/{name}"))
            .answered(code, &serde_json::Value::Null)
    };
    let [owner, pod, gone, other] = [
        deleted("configmaps/r", 200),
        deleted("pods/r-0", 200),
        deleted("pods/r-0", 404),
        deleted("pods/r-1", 200),
    ];
    let usual = [owner.clone(), pod.clone()];
    for alike in [&[owner.clone()][..], &[owner.clone(), pod.clone(), gone.clone()], &[owner.clone(), gone]] {
        assert_eq!(differences(("here", &usual), ("there", alike), false), [""; 0]);
    }
    assert!(!differences(("here", &usual), ("there", &[owner.clone(), pod, other]), true).is_empty());
    assert!(!differences(("here", &usual), ("there", &[owner]), true).is_empty());
}

#[test]
fn a_slow_cluster_is_asked_again() {
    let asked = |method: &str, path: &str| {
        Exchange::unanswered(method, &format!("/api/v1/namespaces/a/pods/{path}"))
            .answered(200, &serde_json::Value::Null)
    };
    let [read, exec, made] =
        [asked("GET", "web"), asked("GET", "web/exec?command=release"), asked("POST", "web")];
    let once = [read.clone(), exec.clone(), made.clone()];
    let again = [read.clone(), exec.clone(), read, exec, made.clone()];
    assert_eq!(differences(("here", &once), ("there", &again), false), [""; 0]);
    let twice = [&once[..], &[made]].concat();
    assert!(!differences(("here", &once), ("there", &twice), false).is_empty());
}
