//! The fixtures of the Pod Security Standards (`k8s.io/pod-security-admission/test/testdata`), each as a workload of a sandbox
//! in which nothing else is wrong: the privileges that podproof names are those that the standards forbid.

use std::{collections::BTreeMap, fs};

use controller::{
    case::{Case, environment::Environment},
    evidence::saved,
    judge::{
        finding::{self, Finding},
        policy::Policy,
        requirement::Outcome,
    },
    run::cluster::pod_view,
};
use serde_json::Value;
use stage::{cluster::part, corpus::completed};

/// Controls that podproof claims, each with words of the fragment that names the privilege.
const CLAIMED: &[(&str, &[&str])] = &[
    ("allowprivilegeescalation", &["may gain privileges"]),
    ("apparmorprofile", &["AppArmor profile"]),
    ("capabilities_baseline", &["adds the capability"]),
    ("capabilities_restricted", &["adds the capability", "keeps capabilities"]),
    ("hostnamespaces", &["shares the node's"]),
    ("hostpathvolumes", &["a path of the node is mounted"]),
    ("hostports", &["takes the node's port"]),
    ("hostprobesandhostlifecycle", &["makes the kubelet connect"]),
    ("privileged", &["is privileged"]),
    ("procmount", &["unmasked /proc"]),
    ("procmount_restricted", &["unmasked /proc"]),
    ("runasnonroot", &["may run as root"]),
    ("runasuser", &["may run as root"]),
    ("seccompprofile_baseline", &["seccomp profile Unconfined"]),
    ("seccompprofile_restricted", &["seccomp profile Unconfined", "names no seccomp profile"]),
    ("selinuxoptions", &["SELinux options"]),
    ("sysctls", &["kernel parameter"]),
    ("windowshostprocess", &["hostProcess"]),
];

/// Controls that podproof does not claim, each with the reason.
const NOT_CLAIMED: &[(&str, &str)] = &[(
    "restrictedvolumes",
    "it bounds the plugins that run on the node, and filesystem-isolation asks whose files a volume holds: network storage is its \
     own, a path of the node is unmet, and an unknown driver is inconclusive",
)];

/// A choice of fixtures.
type Selects = fn(&Fixture) -> bool;

/// Fixtures about which podproof and the standards differ, each with the reason.
const DIFFERENCES: &[(Selects, &str)] = &[
    (
        |it| it.control() == "capabilities_baseline" && it.passes && it.has("add"),
        "podproof asks for no capability of a container engine's default set, as the restricted standard does",
    ),
    (
        |it| it.control().starts_with("seccompprofile") && it.minor() < 19,
        "annotations for seccomp, which Kubernetes reads no more since 1.27",
    ),
    (|it| it.name == "base_windows", "no Windows node runs gVisor"),
    (
        |it| it.control() == "procmount" && it.passes && it.has("Unmasked"),
        "an unmasked /proc in a user namespace is still unmasked, as the restricted standard says",
    ),
];

/// One pod of the standards, and whether it passes.
struct Fixture {
    level: String,
    version: String,
    passes: bool,
    name: String,
    pod: Value,
}

impl Fixture {
    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| value[field].as_str().unwrap().to_owned();
        let (level, version, name) = (text("Level"), text("Version"), text("Name"));
        Self { level, version, passes: value["Passes"] == true, name, pod: value["Pod"].clone() }
    }

    fn control(&self) -> &str {
        self.name.trim_end_matches(|character: char| character.is_ascii_digit())
    }

    /// Returns the minor version of Kubernetes.
    fn minor(&self) -> u32 {
        self.version.trim_start_matches("v1.").parse().unwrap()
    }

    /// Returns true if the pod has this field or value.
    fn has(&self, word: &str) -> bool {
        self.pod.to_string().contains(&format!("\"{word}\""))
    }

    fn title(&self) -> String {
        let end = if self.passes { "pass" } else { "fail" };
        format!("{}/{}/{end}/{}", self.level, self.version, self.name)
    }

    /// Returns the findings about the pod.
    fn judged(&self, clean: &Case) -> Vec<Finding> {
        let mut case = clean.clone();
        let known = case.surroundings.in_cluster.as_mut().unwrap();
        known.group.pod_views = vec![pod_view(self.pod.clone()).unwrap().into()];
        let findings = finding::judge(&case, &Policy::of(Environment::Production));
        let wanted = |it: &Finding| ["filesystem-isolation", "least-privilege"].contains(&it.requirement.id);
        findings.into_iter().filter(wanted).collect()
    }

    /// Returns true if a finding names the privilege that the fixture's control is about.
    fn is_named(&self, findings: &[Finding]) -> bool {
        let words = CLAIMED.iter().find(|(control, _)| *control == self.control());
        let words = words.map(|(_, words)| *words).unwrap_or_default();
        let texts = findings.iter().flat_map(|finding| {
            finding.citations.iter().map(|it| it.text.as_str()).chain([finding.because.as_str()])
        });
        texts.into_iter().any(|text| words.iter().any(|words| text.contains(words)))
    }

    fn differs(&self) -> bool {
        DIFFERENCES.iter().any(|(is_it, _)| is_it(self))
    }
}

fn fixtures() -> Vec<Fixture> {
    let text = fs::read_to_string(part("standards").join("fixtures.json")).unwrap();
    text.lines().map(Fixture::read).collect()
}

/// Returns a case of a saved run in which nothing is wrong.
fn clean() -> Case {
    let (record, _) = saved::decode(completed("1-cluster").as_bytes()).unwrap();
    record.cases.into_iter().next().unwrap()
}

#[test]
fn every_control_is_claimed_or_listed() {
    let listed = CLAIMED.iter().map(|(control, _)| *control).chain(NOT_CLAIMED.iter().map(|it| it.0));
    let listed: Vec<_> = listed.chain(["base", "base_linux", "base_windows"]).collect();
    for fixture in fixtures() {
        assert!(listed.contains(&fixture.control()), "{}", fixture.title());
    }
}

#[test]
fn a_pod_that_a_standard_refuses_is_named_for_the_same_control() {
    let (fixtures, clean) = (fixtures(), clean());
    let claimed = |it: &&Fixture| CLAIMED.iter().any(|(control, _)| *control == it.control());
    let refused = fixtures.iter().filter(|it| !it.passes && !it.differs()).filter(claimed);
    let unnamed = refused.filter(|it| !it.is_named(&it.judged(&clean))).map(Fixture::title);
    assert_eq!(unnamed.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_pod_that_a_standard_admits_is_not_named_for_the_same_control() {
    let (fixtures, clean) = (fixtures(), clean());
    let admitted = fixtures.iter().filter(|it| it.passes && !it.differs());
    let named = admitted.filter(|it| it.is_named(&it.judged(&clean))).map(Fixture::title);
    assert_eq!(named.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_pod_that_the_restricted_standard_admits_has_no_privilege() {
    let (fixtures, clean) = (fixtures(), clean());
    // Earlier versions of the standard ask for less: capabilities since 1.22, seccomp since 1.19.
    let admitted = fixtures
        .iter()
        .filter(|it| it.level == "restricted" && it.passes && it.minor() >= 22 && !it.differs());
    let mut unmet = BTreeMap::new();
    for fixture in admitted {
        let findings = fixture.judged(&clean);
        if let Some(finding) = findings.iter().find(|finding| finding.outcome == Outcome::Unmet) {
            unmet.insert(fixture.title(), finding.because.clone());
        }
    }
    assert_eq!(unmet, BTreeMap::new());
}

#[test]
fn a_volume_that_the_standard_refuses_is_the_nodes_unknown_or_network_storage() {
    let clean = clean();
    let outcomes = fixtures()
        .into_iter()
        .filter(|it| it.control() == "restrictedvolumes" && it.version == "v1.35" && !it.passes);
    let told: BTreeMap<_, _> = outcomes
        .map(|it| {
            let volume = it.pod["spec"]["volumes"][0].as_object().unwrap();
            let kind = volume.keys().find(|key| *key != "name").unwrap().clone();
            let outcome = match it
                .judged(&clean)
                .into_iter()
                .find(|it| it.requirement.id == "filesystem-isolation")
                .unwrap()
                .outcome
            {
                Outcome::Met => "met",
                Outcome::Unmet => "unmet",
                Outcome::Inconclusive(_) => "inconclusive",
                Outcome::NotApplicable(_) => "not applicable",
            };
            (kind, outcome)
        })
        .collect();
    for (kind, outcome) in &told {
        let expected = match kind.as_str() {
            "hostPath" => "unmet",
            "flexVolume" => "inconclusive",
            _ => "met",
        };
        assert_eq!(*outcome, expected, "{kind}");
    }
    assert!(told.len() > 15, "{told:?}");
}

#[test]
fn every_difference_is_needed() {
    let (fixtures, clean) = (fixtures(), clean());
    for (is_it, why) in DIFFERENCES {
        let differs = |it: &&Fixture| {
            let findings = it.judged(&clean);
            let unmet = findings.iter().any(|finding| finding.outcome == Outcome::Unmet);
            is_it(it) && (it.is_named(&findings) == it.passes || (it.passes && unmet))
        };
        assert!(fixtures.iter().any(|it| differs(&it)), "{why}");
    }
}
