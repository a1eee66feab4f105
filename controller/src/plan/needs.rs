//! The user's wishes for the whole run, and for single workloads that the policy file names.

use std::net::SocketAddr;

use super::Wanted;
use crate::case::cluster::{Cluster, Forward, Group, Labels, Origin, PodView, Shared};

/// The user's wishes, by workload.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The wishes for every workload without an entry, and for a local run.
    pub otherwise: Wanted,
    /// The wishes for single workloads. The first entry that selects a pod counts.
    pub of_workloads: Vec<(Entry, Wanted)>,
}

/// An entry of the policy file, as far as it selects workloads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The selected workloads.
    pub selects: Selects,
    /// The only namespace of the entry; `None` for an entry of every namespace.
    pub namespace: Option<String>,
    /// The entry's file and line.
    pub place: String,
}

/// The selected workloads of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selects {
    /// The workload or pod with this kind and name.
    Workload(String, String),
    /// Pods with these labels.
    Labels(Labels),
}

// === impl Needs ===

impl Needs {
    /// Returns the wishes for the pods of one probe.
    pub fn of(&self, group: &Group) -> &Wanted {
        let none = Origin::default();
        let (origin, labels) = match group.pod_views.first() {
            Some(pod_view) => (&pod_view.origin, &*pod_view.labels),
            None => (&none, &group.labels),
        };
        let mut entries = self.of_workloads.iter();
        entries.find(|(entry, _)| entry.selects(origin, labels)).map_or(&self.otherwise, |(_, wanted)| wanted)
    }

    /// Returns the wishes in a namespace of a cluster, without the entries of other namespaces.
    #[must_use]
    pub fn within(self, namespace: &str, forwards: &[Forward]) -> Self {
        let Self { otherwise, mut of_workloads } = self;
        of_workloads.retain(|(entry, _)| entry.namespace.as_deref().is_none_or(|own| own == namespace));
        let behind = |(entry, wanted): (Entry, Wanted)| (entry, wanted.behind(forwards));
        Self {
            otherwise: otherwise.behind(forwards),
            of_workloads: of_workloads.into_iter().map(behind).collect(),
        }
    }

    /// Adds the addresses by which the controller reaches the cluster's API server.
    #[must_use]
    pub fn with_api_server(mut self, addresses: &[SocketAddr]) -> Self {
        let of_workloads = self.of_workloads.iter_mut().map(|(_, wanted)| wanted);
        for wanted in of_workloads.chain([&mut self.otherwise]) {
            wanted.api_server.extend_from_slice(addresses);
        }
        self
    }

    /// Returns true if the policies are compared with a list of allowed destinations.
    pub fn list_destinations(&self) -> bool {
        let of_workloads = self.of_workloads.iter().map(|(_, wanted)| wanted);
        of_workloads.chain([&self.otherwise]).any(|wanted| !wanted.profile.allowed.is_empty())
    }

    /// Returns the entries in their order.
    pub fn entries(&self) -> Vec<Entry> {
        self.of_workloads.iter().map(|(entry, _)| entry.clone()).collect()
    }
}

// === impl Entry ===

impl Entry {
    /// Returns true if the entry selects a pod or a template.
    pub fn selects(&self, origin: &Origin, labels: &Labels) -> bool {
        match &self.selects {
            Selects::Workload(kind, name) => origin.is(&(kind.clone(), name.clone())),
            Selects::Labels(wanted) => wanted.iter().all(|(key, value)| labels.get(key) == Some(value)),
        }
    }

    /// Returns true if the entry selects something, or if not all workloads could be read.
    pub(super) fn is_of_use(&self, cluster: &Cluster, to_come: &[Shared<PodView>]) -> bool {
        let mut all = cluster.pod_views.iter().chain(to_come);
        !cluster.unread_pod_views.is_empty() || all.any(|it| self.selects(&it.origin, &it.labels))
    }

    /// Returns the selected workloads in words.
    pub fn title(&self) -> String {
        match &self.selects {
            Selects::Workload(kind, name) => format!("{kind}/{name}"),
            Selects::Labels(labels) => {
                let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("pods with {}", pairs.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        case::{
            Architecture,
            profile::{Kind, Profile},
        },
        fixture,
        plan::cluster::{Error, Maker, Probes, Request, namespace},
    };

    fn entry(selects: Selects) -> Entry {
        Entry { selects, namespace: None, place: "podproof.toml, line 3".into() }
    }

    fn workload(name: &str) -> Entry {
        entry(Selects::Workload("deployment".into(), name.into()))
    }

    fn labelled(app: &str) -> Entry {
        entry(Selects::Labels([("app".to_owned(), app.to_owned())].into()))
    }

    /// Returns a namespace with the workloads `web` and `api`, which policies bind alike.
    fn cluster() -> Cluster {
        let mut case = fixture::pod();
        let mut cluster = (*fixture::in_cluster(&mut case).cluster).clone();
        let mut api = cluster.pod_views[0].clone();
        api.origin = Origin { kind: "deployment".into(), name: "api".into(), pod: Some("api-1".into()) };
        api.labels = Labels::from([("app".to_owned(), "api".to_owned())]).into();
        cluster.pod_views.push(api);
        cluster
    }

    /// Returns the wishes with these entries: the entry with number `n` lists 10.0.0.`n`.
    fn needs(entries: Vec<Entry>) -> Needs {
        let wanted = |number: u8| {
            let allowed = vec![fixture::allowed([10, 0, 0, number].into(), Some(443))];
            Wanted { profile: Profile { kind: Kind::AllowList, allowed }, ..Wanted::default() }
        };
        let of_workloads = (1..).zip(entries).map(|(number, entry)| (entry, wanted(number)));
        Needs { otherwise: Wanted::default(), of_workloads: of_workloads.collect() }
    }

    /// Returns the pods of each probe with the last number of the address that their profile lists.
    fn probes(needs: &Needs) -> Result<Vec<(String, Option<u8>)>, Error> {
        let digests = BTreeMap::from([(Architecture::X86, Vec::new())]);
        let probes = Probes::of(digests, Maker::Controller);
        let request = Request { probes, entries: needs.entries(), ..Request::default() };
        let plan = namespace(&cluster(), &request)?;
        let listed = |group: &Group| {
            let profile = &needs.of(group).profile;
            profile
                .allowed
                .first()
                .and_then(|it| it.address.to_string().chars().last()?.to_digit(10)?.try_into().ok())
        };
        Ok(plan.groups.iter().map(|group| (group.represents().join(","), listed(group))).collect())
    }

    fn told(probes: &[(&str, Option<u8>)]) -> Vec<(String, Option<u8>)> {
        probes.iter().map(|&(pods, listed)| (pods.to_owned(), listed)).collect()
    }

    #[test]
    fn workloads_without_an_entry_share_a_probe() {
        assert_eq!(probes(&needs(Vec::new())).unwrap(), told(&[("pod/web-1,pod/api-1", None)]));
    }

    #[test]
    fn each_workload_is_probed_by_its_own_list() {
        let both = needs(vec![workload("web"), labelled("api")]);
        assert_eq!(probes(&both).unwrap(), told(&[("pod/web-1", Some(1)), ("pod/api-1", Some(2))]));
        let one = needs(vec![workload("api")]);
        assert_eq!(probes(&one).unwrap(), told(&[("pod/web-1", None), ("pod/api-1", Some(1))]));
    }

    #[test]
    fn the_first_entry_that_selects_a_pod_counts() {
        let twice = needs(vec![labelled("web"), workload("web"), labelled("api")]);
        assert_eq!(probes(&twice).unwrap(), told(&[("pod/web-1", Some(1)), ("pod/api-1", Some(3))]));
    }

    #[test]
    fn an_entry_that_selects_nothing_is_refused_with_its_place() {
        let error = probes(&needs(vec![workload("web"), workload("wbe")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the namespace shop has no deployment/wbe, which podproof.toml, line 3, names"
        );
    }

    #[test]
    fn an_entry_of_another_namespace_is_left_out() {
        let elsewhere = Entry { namespace: Some("blog".into()), ..workload("wbe") };
        let needs = needs(vec![elsewhere, workload("web")]).within("shop", &[]);
        assert_eq!(needs.entries(), [workload("web")]);
        assert_eq!(needs.of_workloads[0].1.profile.allowed[0].address.to_string(), "10.0.0.2");
    }
}
