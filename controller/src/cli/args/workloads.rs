//! The entries of the policy file for single workloads.

use toml::Spanned;

use super::{
    policy::{PolicyRefused, Sources},
    settings::Setting,
};
use crate::{
    case::{cluster::kind_and_name, profile::Kind},
    judge::policy::file::{Mistake, OfWorkloads, Read},
    plan::{
        endpoint,
        needs::{Entry, Selects},
    },
    run::lookup::OfEntry,
};

/// Returns the entries of the policy file, each with its place.
pub(super) fn settings(sources: &Sources) -> Result<Vec<Setting<OfEntry>>, PolicyRefused> {
    let Some((file, read)) = &sources.file else { return Ok(Vec::new()) };
    let setting = |entry: &Spanned<OfWorkloads>| {
        let source = format!("{file}, line {}", read.line(entry));
        Ok(Setting { value: of_entry(read, entry, &source)?, source })
    };
    read.file.workloads.iter().map(setting).collect()
}

fn of_entry(read: &Read, entry: &Spanned<OfWorkloads>, source: &str) -> Result<OfEntry, Mistake> {
    let OfWorkloads { workload, labels, namespace, profile, allow, require_egress } = entry.get_ref();
    let selects = match (workload, labels) {
        (Some(workload), None) => {
            let ((kind, name), _) = read.parsed(workload, kind_and_name)?;
            Selects::Workload(kind, name)
        }
        (None, Some(labels)) if !labels.is_empty() => Selects::Labels(labels.clone()),
        _ => return Err(read.mistake(entry, "give the entry either `workload` or `labels`")),
    };
    let allowed = match allow {
        Some(texts) => read.all_parsed(texts, endpoint::allowed)?.0,
        None => Vec::new(),
    };
    let required = match require_egress {
        Some(texts) => read.all_parsed(texts, endpoint::target)?.0,
        None => Vec::new(),
    };
    let kind = match (profile, allowed.is_empty() && required.is_empty()) {
        (Some(Kind::DenyAll), false) => {
            return Err(
                read.mistake(entry, "the profile deny-all allows no destination, and the entry names one")
            );
        }
        (Some(Kind::AllowList), true) => {
            return Err(read.mistake(entry, "the profile allow-list allows nothing without `allow`"));
        }
        (Some(kind), _) => *kind,
        (None, true) => Kind::DenyAll,
        (None, false) => Kind::AllowList,
    };
    let entry = Entry { selects, namespace: namespace.clone(), place: source.to_owned() };
    Ok(OfEntry { entry, kind, allowed, required })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::policy::file;

    fn entries(text: &str) -> Result<Vec<OfEntry>, Mistake> {
        let read = file::read("podproof.toml", text.to_owned())?;
        read.file.workloads.iter().map(|entry| of_entry(&read, entry, "here")).collect()
    }

    #[test]
    fn the_profile_of_an_entry_follows_from_its_list() {
        let text = "[[workloads]]\nworkload = \"deploy/web\"\nallow = [\"10.0.0.1:443\"]\n[[workloads]]\nlabels = { app = \"api\" }\n";
        let entries = entries(text).unwrap();
        let kinds: Vec<_> = entries.iter().map(|it| (it.entry.title(), it.kind)).collect();
        let expected = [("deployment/web", Kind::AllowList), ("pods with app=api", Kind::DenyAll)];
        assert_eq!(kinds, expected.map(|(title, kind)| (title.to_owned(), kind)));
    }

    #[test]
    fn a_contradiction_in_an_entry_is_a_mistake_with_its_line() {
        for (keys, said) in [
            ("", "either `workload` or `labels`"),
            ("workload = \"deployment/web\"\nlabels = { app = \"web\" }", "either"),
            ("labels = {}", "either"),
            ("workload = \"web\"", "KIND/NAME"),
            ("workload = \"deployment/web\"\nprofile = \"allow-list\"", "allows nothing without"),
            (
                "workload = \"deployment/web\"\nprofile = \"deny-all\"\nallow = [\"10.0.0.1\"]",
                "deny-all allows",
            ),
            ("workload = \"deployment/web\"\nallow = [\"10.0.0.1:0\"]", "port 0"),
            ("workloads = \"deployment/web\"", "unknown field"),
        ] {
            let mistake = entries(&format!("\n[[workloads]]\n{keys}\n")).unwrap_err();
            assert!(mistake.message.contains(said) && mistake.line > 1, "{keys}: {mistake}");
        }
    }
}
