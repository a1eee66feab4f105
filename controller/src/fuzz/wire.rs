//! The messages of a probe.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
    time::Duration,
};

use prost::Message;
use proto::{Assignment, Budget, Delivery, Introduction, Nonce, Observer, Protocol, Target, generated};

use crate::{
    case::Collected,
    evidence::{
        record::Record,
        saved::{Provenance, decode, encode},
    },
    run::collect::Intake,
};

/// The nonce of every assignment here.
const NONCE: Nonce = Nonce([9; 16]);
/// A real file, whose evidence gives way to that of the messages.
const FILE: &[u8] = include_bytes!("../../../tests/corpus/1-not-ready.json");
static LAID_OUT: LazyLock<Option<(Record, Provenance)>> = LazyLock::new(|| decode(FILE).ok());

/// Returns the assignment that the messages answer.
fn assignment() -> Assignment {
    let second = Duration::from_secs(1);
    let target = |id, port| Target {
        id,
        address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        port,
        protocol: Protocol::Tcp,
        token: None,
        name: String::new(),
    };
    Assignment {
        nonce: NONCE,
        observers: Observer::ALL.to_vec(),
        targets: vec![target(0, 80), target(1, 443)],
        budget: Budget { observer: second, egress: second, again: None },
    }
}

/// Splits bytes into messages, each after its length in two bytes.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (message, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        bytes = rest;
        Some(message)
    })
}

/// A probe's messages are evidence or a refusal. Accepted evidence is the same after another way over the wire and through a
/// file, and its reports are harmless.
pub(super) fn wire(bytes: &[u8]) {
    let mut intake = Intake::new(assignment());
    let mut messages = messages(bytes);
    if let Some(Ok(message)) = messages.next().map(generated::Introduction::decode)
        && let Ok((parsed, _)) = intake.introduce(message)
    {
        assert_eq!(Introduction::try_from(generated::Introduction::from(parsed.clone())), Ok(parsed));
    }
    _ = intake.begin_delivery();
    for message in messages {
        let Ok(message) = generated::Delivery::decode(message) else { continue };
        if let Ok(parsed) = Delivery::try_from(message.clone()) {
            assert_eq!(Delivery::try_from(generated::Delivery::from(parsed.clone())), Ok(parsed));
        }
        _ = intake.accept(message);
    }
    let (received, expected) = intake.count();
    assert!(received <= expected, "{received} of {expected}");
    // A judgement without evidence is the same for every input, and takes far longer than the intake.
    if received > 0 {
        judged(&intake.collected());
    }
}

fn judged(collected: &Collected) {
    let Some((mut record, provenance)) = LAID_OUT.clone() else { return };
    for case in &mut record.cases {
        case.collected = collected.clone();
    }
    let written = encode(&record, &provenance).ok();
    let again = written.as_deref().and_then(|bytes| decode(bytes).ok());
    let kept = again.as_ref().and_then(|(record, _)| record.cases.first());
    assert_eq!(kept.map(|case| &case.collected.evidence), Some(&collected.evidence));
    super::assert_reports(&record);
}

#[cfg(test)]
pub(super) mod seeds {
    use proto::delivery::Content;

    use super::*;
    use crate::{case::Case, fixture};

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        let length = |message: &Vec<u8>| u16::try_from(message.len()).unwrap().to_le_bytes().to_vec();
        messages.iter().flat_map(|message| [length(message), message.clone()].concat()).collect()
    }

    fn of(case: &Case) -> Vec<u8> {
        let introduction = case.collected.introduction.clone().unwrap();
        let mut messages = vec![generated::Introduction::from(introduction).encode_to_vec()];
        let observed = case.evidence().outcomes().into_iter().map(Content::Observed);
        let closing = Content::Closing { observations: u32::try_from(Observer::ALL.len()).unwrap() };
        for content in observed.chain([closing]) {
            let delivery = Delivery { nonce: NONCE, content };
            messages.push(generated::Delivery::from(delivery).encode_to_vec());
        }
        framed(&messages)
    }

    /// Returns the conversations of the fixtures' probes.
    pub(in crate::fuzz) fn all() -> Vec<Vec<u8>> {
        [fixture::gvisor(), fixture::runc(), fixture::pod()].iter().map(of).collect()
    }

    #[test]
    fn the_seeds_evidence_is_accepted() {
        for seed in all() {
            let mut intake = Intake::new(assignment());
            let mut messages = messages(&seed);
            intake.introduce(generated::Introduction::decode(messages.next().unwrap()).unwrap()).unwrap();
            let mut accepted = 0;
            for message in messages {
                accepted += usize::from(intake.accept(generated::Delivery::decode(message).unwrap()).is_ok());
            }
            // The fixtures attempt other targets.
            assert!(accepted + 2 >= Observer::ALL.len(), "{accepted}: {:?}", intake.collected().breaches);
        }
    }
}
