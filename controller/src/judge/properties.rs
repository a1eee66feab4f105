//! Properties of every judge, for any evidence.

use proptest::{prelude::*, sample::Index};
use proto::{Evidence, Observation, Observed, Observer};

use super::catalogue::ALL;
use super::requirement::Outcome;
use crate::{case::Case, fixture};

/// Returns a case of each world.
fn worlds() -> [Case; 4] {
    [fixture::gvisor(), fixture::runc(), fixture::pod(), fixture::silent()]
}

/// A change of one observer's result: taken from another world, or spoilt.
#[derive(Clone, Debug)]
struct Mutation {
    observer: Index,
    kind: u8,
    world: Index,
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = (any::<Index>(), 0..6_u8, any::<Index>());
    let mutation = mutation.prop_map(|(observer, kind, world)| Mutation { observer, kind, world });
    prop::collection::vec(mutation, 0..12)
}

fn mutated(mut case: Case, mutations: &[Mutation]) -> Case {
    for Mutation { observer, kind, world } in mutations {
        let observer = *observer.get(Observer::ALL);
        let outcome = match kind {
            0 => Observation::Absent,
            1 => Observation::Denied { errno: 13 },
            2 => Observation::failed("it failed"),
            3 => Observation::TimedOut,
            4 => Observation::Crashed { signal: 11 },
            _ => {
                let theirs = world.get(&worlds()).evidence().outcomes();
                theirs
                    .into_iter()
                    .find(|it| it.observer == observer)
                    .map_or(Observation::Absent, |it| it.outcome)
            }
        };
        case.collected.evidence.record(Observed { observer, outcome }).unwrap();
    }
    case
}

proptest! {
    #[test]
    fn no_judge_panics_and_every_decision_cites_evidence(
        world in any::<Index>(), mutations in mutations(),
    ) {
        let case = mutated(world.get(&worlds()).clone(), &mutations);
        for requirement in ALL {
            let judgement = fixture::judged(requirement, &case);
            let decided = matches!(judgement.outcome, Outcome::Met | Outcome::Unmet);
            prop_assert!(!decided || !judgement.citations.is_empty(), "{}: {judgement:?}", requirement.id);
            prop_assert!(!judgement.because.is_empty(), "{}", requirement.id);
        }
    }

    #[test]
    fn the_order_of_observations_changes_nothing(
        world in any::<Index>(), mutations in mutations(), order in Just(Observer::ALL.to_vec()).prop_shuffle(),
    ) {
        let case = mutated(world.get(&worlds()).clone(), &mutations);
        let mut shuffled = case.clone();
        shuffled.collected.evidence = Evidence::default();
        let outcomes = case.evidence().outcomes();
        for observer in order {
            let observed = outcomes.iter().find(|observed| observed.observer == observer).unwrap();
            shuffled.collected.evidence.record(observed.clone()).unwrap();
        }
        for requirement in ALL {
            prop_assert_eq!(fixture::judged(requirement, &case), fixture::judged(requirement, &shuffled));
        }
    }

    /// A kernel's version does not tell which bugs are fixed in it: gVisor makes its version up.
    #[test]
    fn no_text_decides_anything(world in any::<Index>(), mutations in mutations(), text in "[ -~]{0,40}") {
        let case = mutated(world.get(&worlds()).clone(), &mutations);
        let mut told = case.clone();
        let evidence = &mut told.collected.evidence;
        if let Observation::Seen(name) = &mut evidence.kernel_name {
            (name.release, name.version) = (format!("{text}-other"), text.clone());
        }
        if let Observation::Seen(banner) = &mut evidence.kernel_banner {
            banner.text.clone_from(&text);
        }
        if let Observation::Seen(log) = &mut evidence.kernel_log {
            log.first_line.clone_from(&text);
        }
        // The machine's own release is not a text of the sandbox.
        let mut case = case;
        for case in [&mut case, &mut told] {
            case.surroundings.machine.kernel_release = Observation::Absent;
        }
        for requirement in ALL {
            let (before, after) = (fixture::judged(requirement, &case), fixture::judged(requirement, &told));
            prop_assert_eq!(before.outcome, after.outcome, "{}", requirement.id);
        }
    }

    #[test]
    fn a_lost_observation_never_turns_unmet_into_met(
        world in any::<Index>(), mutations in mutations(), taken in any::<Index>(),
    ) {
        let case = mutated(world.get(&worlds()).clone(), &mutations);
        let mut blinded = case.clone();
        let outcome = Observation::TimedOut;
        let observer = *taken.get(Observer::ALL);
        blinded.collected.evidence.record(Observed { observer, outcome }).unwrap();
        for requirement in ALL {
            let (before, after) = (fixture::judged(requirement, &case), fixture::judged(requirement, &blinded));
            prop_assert!(
                !(before.outcome == Outcome::Unmet && after.outcome == Outcome::Met),
                "{} without {}: {after:?}", requirement.id, observer.id()
            );
        }
    }
}
