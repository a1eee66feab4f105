//! Pairs of faults, drawn from seeds. The variable `PAIRS` is their number, and `SEED` chooses the pair of one seed.

use crate::{
    crew::check_all,
    enumeration::Mode,
    fault::Fault,
    live::live,
    publication,
    random::Random,
    verify::{PLAIN, with_control},
};

/// The number of pairs without the variable `PAIRS`.
const PAIRS: u64 = 60;
/// Of so many seeds, one is run twice more.
const TWICE: u64 = 50;
/// Requests beyond those of a run without faults, because a fault makes a run ask again.
const FURTHER: usize = 10;

#[test]
fn no_pair_of_faults_breaks_a_promise() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let seeds: Vec<_> = match number("SEED") {
        Some(seed) => vec![seed],
        None => (0..number("PAIRS").unwrap_or(PAIRS)).collect(),
    };
    let modes =
        [Mode::of(PLAIN), Mode::of(&with_control()), live(), publication::first(), publication::further()];
    let lengths = modes.each_ref().map(|mode| mode.requests().len());
    let told = check_all(&seeds, |&seed| {
        let mut random = Random::new(seed);
        let which = random.below(modes.len());
        let mut fault =
            || (random.below(lengths[which] + FURTHER), Fault::ALL[random.below(Fault::ALL.len())]);
        let drawn = [fault(), fault()];
        // A request meets one fault alone.
        let pair = if drawn[0].0 == drawn[1].0 { &drawn[1..] } else { &drawn[..] };
        let mut found = modes[which].violations(pair);
        if seed % TWICE == 0 {
            found.extend(differing(&modes[which], pair));
        }
        let words = modes[which].words.join(" ");
        found.iter().map(|it| format!("seed {seed}, {words}, {pair:?}: {it}")).collect()
    });
    assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    for mode in [Mode::of(PLAIN), Mode::of(&with_control()), live(), publication::first()] {
        let ends = [(); 8].map(|()| mode.ended(&[]).0);
        assert!(ends.iter().all(|it| (it.code, &it.output) == (ends[0].code, &ends[0].output)), "{ends:#?}");
    }
}

/// Runs a command twice; returns the first difference between the two ends.
fn differing(mode: &Mode, faults: &[(usize, Fault)]) -> Option<String> {
    let [one, other] = [(); 2].map(|()| mode.ended(faults).0);
    (one != other).then(|| format!("the same seed gives {one:#?} and {other:#?}"))
}
