//! The whole lattice of the verdict, compared with a statement of the rule in two tables: each finding has an effect, each effect
//! has a worst verdict, and the worst of those is the verdict of the run.

use Enforcement::{Blocks, NotJudged, Shown, Waived, Warns};

use super::{
    catalogue,
    exit::Exit,
    finding::{Finding, judge},
    policy::{Enforcement, Policy, Waiver, waiver},
    requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope},
    verdict::Verdict,
};
use crate::{
    case::{Case, Subject, environment::Environment},
    fixture,
};

const ENVIRONMENTS: [Environment; 3] =
    [Environment::Development, Environment::Staging, Environment::Production];
/// The effect of each class in each of the environments.
const EFFECTS: [(Class, [Enforcement; 3]); 4] = [
    (Class::Regular, [Blocks, Blocks, Blocks]),
    (Class::Adaptive, [Warns, Warns, Blocks]),
    (Class::ProductionOnly, [NotJudged, Warns, Blocks]),
    (Class::Advisory, [Shown, Warns, Warns]),
];
/// The effects from the mildest to the strictest.
const ORDER: [Enforcement; 4] = [NotJudged, Shown, Warns, Blocks];
/// The verdict that a finding allows at best: if it is unmet, and if it is undecided.
const AT_BEST: [(Enforcement, [Verdict; 2]); 5] = [
    (Blocks, [Verdict::NotReady, Verdict::Undetermined]),
    (Waived, [Verdict::ReadyWithWarnings, Verdict::ReadyWithWarnings]),
    (Warns, [Verdict::ReadyWithWarnings, Verdict::ReadyWithWarnings]),
    (Shown, [Verdict::Ready, Verdict::Ready]),
    (NotJudged, [Verdict::Ready, Verdict::Ready]),
];
/// The verdicts from the worst to the best, with their exit codes without and with leftovers.
const VERDICTS: [(Verdict, [u8; 2]); 4] = [
    (Verdict::NotReady, [1, 1]),
    (Verdict::Undetermined, [3, 3]),
    (Verdict::ReadyWithWarnings, [0, 6]),
    (Verdict::Ready, [0, 6]),
];
/// Each scope of a waiver, and whether it covers a sandbox of this machine and a pod of the namespace shop in the pool small.
const SCOPES: [(&str, [bool; 2]); 6] = [
    ("everywhere", [true, true]),
    ("local", [true, false]),
    ("namespace/shop", [false, true]),
    ("namespace/other", [false, false]),
    ("pool/small", [false, true]),
    ("pool/large", [false, false]),
];

/// One point of the lattice, for one requirement.
#[derive(Clone, Copy, Debug)]
struct Point {
    environment: usize,
    only_production: bool,
    class: usize,
    mandatory: bool,
    raised: Option<Enforcement>,
    /// The waiver's scope, and true if the waiver is expired; `None` without a waiver.
    waiver: Option<(usize, bool)>,
    accepted: bool,
    /// The place among the subjects: a sandbox, a pod.
    subject: usize,
}

fn outcomes() -> [Outcome; 4] {
    let why = String::new;
    [Outcome::Met, Outcome::Unmet, Outcome::Inconclusive(why()), Outcome::NotApplicable(why())]
}

fn subjects() -> [Subject; 2] {
    let pods = Subject::Pods {
        namespace: "shop".to_owned(),
        pool: "small".to_owned(),
        node_kind: None,
        node: None,
        runtime_class: None,
        policies: Vec::new(),
        represents: Vec::new(),
        in_place: None,
    };
    [Subject::Sandbox { runtime: vec!["runsc".to_owned()], bundle: None }, pods]
}

/// Returns every point of the lattice.
fn points() -> Vec<Point> {
    let both = [false, true];
    let mut points = Vec::new();
    for number in 0..3 * 4 * 2 * 2 * 2 * 2 {
        let (environment, class, bits) = (number % 3, number / 3 % 4, number / 12);
        let bit = |place: usize| bits >> place & 1 == 1;
        for raised in [None, Some(Warns), Some(Blocks)] {
            let waivers = (0..SCOPES.len()).flat_map(|scope| both.map(|expired| Some((scope, expired))));
            points.extend(std::iter::once(None).chain(waivers).map(|waiver| Point {
                environment,
                only_production: bit(0),
                class,
                mandatory: bit(1),
                raised,
                waiver,
                accepted: bit(2),
                subject: usize::from(bit(3)),
            }));
        }
    }
    points
}

/// Returns a requirement of the catalogue by its id, as if it had this class.
fn requirement(class: Class, mandatory: bool) -> &'static Requirement {
    fn judge(_: &Case) -> Judgement {
        panic!("the lattice needs no judge")
    }
    let id = catalogue::ALL.iter().find(|it| it.mandatory == mandatory).unwrap().id;
    let explanation = Explanation { looks_at: &[], met: "", unmet: "", inconclusive: "", on_platforms: &[] };
    Box::leak(Box::new(Requirement {
        id,
        title: "",
        area: Area::Runtime,
        class,
        scope: Scope::Everywhere,
        mandatory,
        weight: 1,
        protects: "",
        remedy: "",
        explanation,
        mappings: &[],
        judge: Judge::Case(judge),
    }))
}

/// Returns the product's policy at a point.
fn policy(point: Point, requirement: &Requirement) -> Policy {
    let mut policy = Policy::of(ENVIRONMENTS[point.environment]);
    policy.only_production = point.only_production;
    policy.raised.extend(point.raised.map(|raised| (requirement.id, raised)));
    policy.waivers.extend(point.waiver.map(|(scope, expired)| Waiver {
        requirement: requirement.id,
        scope: waiver::Scope::parse(SCOPES[scope].0).unwrap(),
        owner: "the owner".to_owned(),
        reason: "a reason".to_owned(),
        expires: "2026-01-01".to_owned(),
        expired,
        line: 1,
    }));
    policy
}

/// Returns the effect of the requirement by the rule: by its class or by `--only production`, never milder than the policy file
/// asks, made milder by a waiver or an acceptance alone.
fn effect(point: Point) -> Enforcement {
    let (class, effects) = EFFECTS[point.class];
    let is_of_production = point.mandatory || matches!(class, Class::Regular | Class::ProductionOnly);
    let own = match (point.only_production, is_of_production) {
        (false, _) => effects[point.environment],
        (true, true) => Blocks,
        (true, false) => NotJudged,
    };
    let place = |of: Enforcement| ORDER.iter().position(|it| *it == of).unwrap();
    let effect = ORDER[place(own).max(point.raised.map_or(0, place))];
    if effect != Blocks {
        return effect;
    }
    let is_production = ENVIRONMENTS[point.environment] == Environment::Production || point.only_production;
    let is_refused = point.mandatory && is_production;
    match point.waiver {
        Some((scope, false)) if SCOPES[scope].1[point.subject] && !is_refused => Waived,
        _ if point.accepted && point.raised != Some(Blocks) => Warns,
        _ => Blocks,
    }
}

/// Returns the verdict of findings by the rule: the worst that one of them allows, and undetermined if none of them blocks.
fn verdict(findings: &[(Enforcement, bool, Outcome)]) -> Verdict {
    let place = |of: Verdict| VERDICTS.iter().position(|(it, _)| *it == of).unwrap();
    let of = |(effect, mandatory, outcome): &(Enforcement, bool, Outcome)| {
        let at_best = AT_BEST.iter().find(|(it, _)| it == effect).unwrap().1;
        match outcome {
            Outcome::Unmet => at_best[0],
            Outcome::Inconclusive(_) => at_best[1],
            Outcome::NotApplicable(_) if *mandatory => at_best[1],
            _ => Verdict::Ready,
        }
    };
    let unguarded =
        if findings.iter().any(|(it, ..)| *it == Blocks) { Verdict::Ready } else { Verdict::Undetermined };
    let worst = findings.iter().map(of).chain([unguarded]).map(place).min().unwrap();
    VERDICTS[worst].0
}

fn finding(requirement: &'static Requirement, enforcement: Enforcement, outcome: &Outcome) -> Finding {
    Finding::new(requirement, enforcement, Judgement { outcome: outcome.clone(), ..Judgement::met("") })
}

#[test]
fn every_point_has_the_effect_and_the_verdict_of_the_rule() {
    let subjects = subjects();
    let beside = requirement(Class::Regular, false);
    for point in points() {
        let requirement = requirement(EFFECTS[point.class].0, point.mandatory);
        let policy = policy(point, requirement);
        let enforcement = policy.enforcement(requirement, &subjects[point.subject]);
        let enforcement =
            if point.accepted { policy.of_accepted(requirement, enforcement) } else { enforcement };
        assert_eq!(enforcement, effect(point), "{point:?}");
        let is_expired = point.waiver.is_some_and(|(_, expired)| expired);
        for outcome in outcomes() {
            let judged =
                [finding(beside, Blocks, &Outcome::Met), finding(requirement, enforcement, &outcome)];
            let by_rule = if is_expired {
                Verdict::NotReady
            } else {
                verdict(&[(Blocks, false, Outcome::Met), (effect(point), point.mandatory, outcome.clone())])
            };
            assert_eq!(Verdict::under(&policy, &judged), by_rule, "{point:?} {outcome:?}");
        }
    }
}

#[test]
fn any_three_findings_have_the_verdict_of_the_rule() {
    let mut single = Vec::new();
    for (effect, _) in AT_BEST {
        for mandatory in [false, true] {
            let requirement = requirement(Class::Regular, mandatory);
            single.extend(outcomes().map(|outcome| (effect, requirement, outcome)));
        }
    }
    for first in &single {
        for second in &single {
            for third in &single {
                let three = [first, second, third];
                let judged = three.map(|(effect, of, outcome)| finding(of, *effect, outcome));
                let stated = three.map(|(effect, of, outcome)| (*effect, of.mandatory, outcome.clone()));
                assert_eq!(Verdict::of(&judged), verdict(&stated), "{stated:?}");
            }
        }
    }
}

#[test]
fn what_blocks_and_is_not_seen_to_hold_passes_no_gate() {
    for outcome in outcomes() {
        for mandatory in [false, true] {
            let holds = matches!(outcome, Outcome::Met)
                || (matches!(outcome, Outcome::NotApplicable(_)) && !mandatory);
            let judged = [finding(requirement(Class::Regular, mandatory), Blocks, &outcome)];
            for leftovers in [false, true] {
                let code = Exit::of(None, true, Verdict::of(&judged), leftovers) as u8;
                assert_eq!(matches!(code, 0 | 6), holds, "{outcome:?} {mandatory} {leftovers}");
            }
        }
    }
}

#[test]
fn each_verdict_has_the_exit_code_of_the_table() {
    for (verdict, codes) in VERDICTS {
        assert_eq!([false, true].map(|leftovers| Exit::of(None, true, verdict, leftovers) as u8), codes);
    }
}

#[test]
fn a_case_is_judged_by_each_requirement_in_whose_scope_it_is() {
    for (case, scopes) in [
        (fixture::gvisor(), &[Scope::Everywhere][..]),
        (fixture::pod(), &[Scope::Everywhere, Scope::Cluster][..]),
    ] {
        let judged = judge(&case, &Policy::of(Environment::Production));
        let judged: Vec<_> = judged.iter().map(|finding| finding.requirement.id).collect();
        let in_scope = catalogue::ALL.iter().filter(|it| scopes.contains(&it.scope)).map(|it| it.id);
        assert_eq!(judged, in_scope.collect::<Vec<_>>());
    }
}
