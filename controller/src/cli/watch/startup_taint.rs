//! The flag `--remove-taint`, and the sandboxes of a run as the startup taint of nodes goes by them.

use std::sync::Arc;

use tokio::sync::watch::Sender;

use crate::{
    case::{
        cluster::{Restriction, is_of_a_component},
        environment::Declared,
    },
    cli::{console::tell, ending::Ended},
    judge::{catalogue, exit::Exit},
    plan::{
        cluster::Nodes,
        renewal::Scene,
        startup_taint::{Bound, ENVIRONMENT, Judged, Judgement, Standings},
    },
    report::{
        Enforcement, LeftOut, Report, ReportedFinding, ReportedSandbox, Subject, Verdict,
        proof::{Pools, ran_on},
    },
};

/// The characters of a taint's name, without its prefix (kubernetes.io, "Labels and Selectors", "Syntax and character set").
const MOST_OF_NAME: usize = 63;
/// The characters of the prefix.
const MOST_OF_PREFIX: usize = 253;
/// The domains of taints that the components of a cluster set and remove.
const RESERVED: &[&str] = &["kubernetes.io", "k8s.io", "karpenter.sh"];

/// Why a watch cannot keep a startup taint.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaintRefused {
    #[error("--remove-taint needs runs that are judged for production; these are judged for {}: {}", .0.environment, .0.source)]
    Environment(Declared),
    #[error(
        "--remove-taint needs a probe on each node; --nodes per-pool gives one to some node of each pool"
    )]
    PerPool,
}

impl TaintRefused {
    pub(super) fn tell(&self) -> Exit {
        let help = match self {
            Self::Environment(_) => {
                "add `--environment production`, so that a weak node fails; or leave --remove-taint out"
            }
            Self::PerPool => {
                "give `--nodes all`, so that each new node gets a probe; or the names of the nodes"
            }
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

/// Refuses runs that cannot prove a node.
pub(super) fn demand(declared: &Declared, nodes: &Nodes) -> Result<(), TaintRefused> {
    if declared.environment != ENVIRONMENT {
        return Err(TaintRefused::Environment(declared.clone()));
    }
    if *nodes == Nodes::PerPool { Err(TaintRefused::PerPool) } else { Ok(()) }
}

/// Reads the key of a taint.
pub(super) fn key(text: &str) -> Result<String, String> {
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_name = |text: &str, most, others: &[char]| {
        text.len() <= most
            && text.chars().all(|it| it.is_ascii_alphanumeric() || others.contains(&it))
            && text.starts_with(|it: char| it.is_ascii_alphanumeric())
            && text.ends_with(|it: char| it.is_ascii_alphanumeric())
    };
    let is_reserved = |prefix: &str| {
        RESERVED
            .iter()
            .any(|own| prefix.strip_suffix(own).is_some_and(|it| it.is_empty() || it.ends_with('.')))
    };
    if prefix.is_some_and(is_reserved) || is_of_a_component(text) {
        return Err(
            "give a key of your own: a component of the cluster sets and removes this taint".to_owned()
        );
    }
    let is_key = is_name(name, MOST_OF_NAME, &['-', '_', '.'])
        && prefix.is_none_or(|prefix| is_name(prefix, MOST_OF_PREFIX, &['-', '.']));
    is_key
        .then(|| text.to_owned())
        .ok_or_else(|| "give the key of a taint, such as podproof.dev/unproven".to_owned())
}

/// Takes the end of a run. `then` is the scene before the run, whose nodes the run has judged; `is_there` tells the nodes of now.
pub(super) fn take(ended: &Ended, then: &Scene, is_there: impl Fn(&str) -> bool, proofs: &Sender<Standings>) {
    let Ended { report, pools: Some(pools), published, .. } = ended else { return };
    let run = judged(report, pools, then);
    let expires = published.as_ref().map(|published| published.expires);
    proofs.send_modify(|standings| standings.take(run, expires, is_there));
}

fn judged(report: &Report, pools: &Pools, then: &Scene) -> Vec<Judged> {
    let proves = proves(report);
    let of_pods = report.sandboxes.iter().filter_map(|sandbox| {
        let Subject::Pods { pool, node, .. } = &sandbox.subject else { return None };
        let node = ran_on(sandbox.pod.as_ref().and_then(|pod| pod.node.as_ref()), node.as_ref());
        let boot_id = node.and_then(|node| pools.boot_id(pool, node));
        let record = node.and_then(|node| then.node(node));
        let bound = record.map(|record| record.bound.clone());
        let bound = bound.filter(|bound| proves && Some(bound.boot_id.as_str()) == boot_id);
        Some(Judged { pool: pool.clone(), node: node.cloned(), judgement: judgement(sandbox, bound) })
    });
    of_pods.collect()
}

/// Returns true if the sandboxes that pass in a run are proven: it was judged for production, nothing was left out but nodes, and no
/// waiver has expired.
fn proves(report: &Report) -> bool {
    let is_of_nodes = |left_out: &LeftOut| left_out.by == Restriction::Nodes.flag();
    report.environment.environment == ENVIRONMENT.into()
        && report.extent.left_out.iter().all(is_of_nodes)
        && report.expired_waivers().next().is_none()
}

/// Returns the judgement of a sandbox; `bound` is `None` for a sandbox that proves nothing by passing.
fn judgement(sandbox: &ReportedSandbox, bound: Option<Bound>) -> Judgement {
    let blocks = |finding: &&Arc<ReportedFinding>| finding.enforcement == Enforcement::Blocks;
    let mut undecided = sandbox.findings.iter().filter(blocks).filter(|finding| finding.is_undecided());
    match sandbox.verdict {
        Verdict::Ready | Verdict::ReadyWithWarnings => bound.map_or(Judgement::HeldBack, Judgement::Passed),
        Verdict::Undetermined
            if sandbox.probe.is_none() || undecided.all(|it| catalogue::is_of_the_namespace(it.id)) =>
        {
            Judgement::HeldBack
        }
        Verdict::NotReady | Verdict::Undetermined => Judgement::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::environment::{Environment, Source},
        fixture,
        judge::policy::{Policy, Waiver, waiver::Scope},
        report::ReportedOutcome,
    };

    #[test]
    fn a_key_has_the_form_of_a_label() {
        for right in ["unproven", "podproof.dev/unproven", "a.b/C_d-e.f"] {
            assert_eq!(key(right), Ok(right.to_owned()));
        }
        for wrong in ["", "/a", "a/", "-a", "a b", "a=b", "a:NoSchedule", "a/b/c", &"a".repeat(64)] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_taint_of_a_component_is_refused() {
        let of_kubernetes = ["node.kubernetes.io/not-ready", "kubernetes.io/a", "a.k8s.io/b"];
        let of_autoscalers =
            ["ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/a"];
        for wrong in of_kubernetes.iter().chain(&of_autoscalers) {
            assert!(key(wrong).is_err(), "{wrong}");
        }
        assert!(key("notkubernetes.io/a").is_ok());
    }

    #[test]
    fn runs_for_less_than_production_are_refused() {
        let declared = |environment| Declared { environment, source: Source::Default, remarks: Vec::new() };
        for (environment, is_enough) in [
            (Environment::Development, false),
            (Environment::Staging, false),
            (Environment::Production, true),
        ] {
            assert_eq!(demand(&declared(environment), &Nodes::All).is_ok(), is_enough, "{environment}");
        }
        assert!(demand(&declared(Environment::Production), &Nodes::PerPool).is_err());
    }

    #[test]
    fn a_run_without_a_part_but_nodes_proves_nothing() {
        let without = |by| {
            let mut report = fixture::report(&fixture::pod());
            report.extent.left_out = vec![LeftOut { by, noun: "part", names: vec!["a".into()] }];
            proves(&report)
        };
        assert!(proves(&fixture::report(&fixture::pod())) && without("--nodes"));
        for by in ["--like", "--no-network", "--only production"] {
            assert!(!without(by), "{by}");
        }
    }

    #[test]
    fn a_run_that_was_judged_for_less_than_production_proves_nothing() {
        let mut report = fixture::report(&fixture::pod());
        report.environment.environment = Environment::Staging.into();
        assert!(!proves(&report));
    }

    #[test]
    fn a_run_with_an_expired_waiver_proves_nothing() {
        let waiver = Waiver {
            requirement: "coverage",
            scope: Scope::Everywhere,
            owner: "ops".into(),
            reason: "later".into(),
            expires: "2026-01-01".into(),
            expired: true,
            line: 1,
        };
        let policy = Policy { waivers: vec![waiver], ..Policy::of(Environment::Production) };
        assert!(!proves(&Report::of(&fixture::record(vec![fixture::pod()]), &policy)));
    }

    /// Returns the judgement of a sandbox whose findings are met, but for some that are inconclusive.
    fn judged(undecided: &[&str], verdict: Verdict, change: impl Fn(&mut ReportedSandbox)) -> Judgement {
        let mut sandbox = fixture::report(&fixture::pod()).sandboxes.remove(0);
        sandbox.verdict = verdict;
        for finding in &mut sandbox.findings {
            let outcome = if undecided.contains(&finding.id) {
                ReportedOutcome::Inconclusive
            } else {
                ReportedOutcome::Met
            };
            let enforcement = Enforcement::Blocks;
            *finding = Arc::new(ReportedFinding { enforcement, outcome, ..(**finding).clone() });
        }
        change(&mut sandbox);
        judgement(&sandbox, Some(Bound::default()))
    }

    #[test]
    fn a_sandbox_is_held_back_by_the_namespace() {
        for undecided in
            [&["coverage"][..], &["network-policies-apply"], &["coverage", "network-policies-apply"]]
        {
            let judgement = judged(undecided, Verdict::Undetermined, |_| ());
            assert_eq!(judgement, Judgement::HeldBack, "{undecided:?}");
        }
    }

    #[test]
    fn a_sandbox_without_evidence_is_held_back() {
        let undecided = ["coverage", "runtime-isolation", "probe-integrity"];
        let judgement = judged(&undecided, Verdict::Undetermined, |sandbox| sandbox.probe = None);
        assert_eq!(judgement, Judgement::HeldBack);
    }

    #[test]
    fn a_sandbox_fails_by_its_own_findings() {
        for undecided in [&["runtime-isolation"][..], &["coverage", "limits-enforced"], &["probe-integrity"]]
        {
            let judgement = judged(undecided, Verdict::Undetermined, |_| ());
            assert_eq!(judgement, Judgement::Failed, "{undecided:?}");
        }
        assert_eq!(judged(&[], Verdict::NotReady, |sandbox| sandbox.probe = None), Judgement::Failed);
    }

    #[test]
    fn a_sandbox_that_passes_proves_a_known_node_alone() {
        let mut sandbox = fixture::report(&fixture::pod()).sandboxes.remove(0);
        sandbox.verdict = Verdict::ReadyWithWarnings;
        assert_eq!(judgement(&sandbox, Some(Bound::default())), Judgement::Passed(Bound::default()));
        assert_eq!(judgement(&sandbox, None), Judgement::HeldBack);
    }
}
