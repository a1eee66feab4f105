//! The border between bytes and evidence: any bytes give typed evidence or a refusal, and never a panic.

use std::time::Duration;

use controller::run::collect::Intake;
use proptest::{collection::vec, prelude::*};
use proto::{
    Assignment, Budget, Delivery, Introduction, Nonce, Observation, Observed, Observer, SCHEMA_VERSION,
    delivery::Content, generated,
};
use tonic::codegen::Bytes;

const NONCE: Nonce = Nonce([9; 16]);

fn intake() -> Intake {
    let second = Duration::from_secs(1);
    let budget = Budget { observer: second, egress: second, again: None };
    let assignment =
        Assignment { nonce: NONCE, observers: Observer::ALL.to_vec(), targets: Vec::new(), budget };
    let mut intake = Intake::new(assignment);
    let introduction = Introduction {
        probe_version: "0.1.0".into(),
        schema_version: SCHEMA_VERSION,
        architecture: "x86_64".into(),
        observers: Observer::ALL.to_vec(),
    };
    intake.introduce(introduction.into()).unwrap();
    intake
}

fn delivery(content: Content) -> generated::Delivery {
    Delivery { nonce: NONCE, content }.into()
}

/// Evidence of this machine, over the wire and as bytes.
fn real() -> Vec<Vec<u8>> {
    let observed = Observer::ALL.iter().map(|&observer| Observed {
        observer,
        outcome: match observer {
            Observer::BootId => Observation::Seen(proto::Fact::BootId(proto::BootId {
                uuid: "6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d".into(),
            })),
            Observer::Interfaces => Observation::Seen(proto::Fact::Interfaces(proto::Interfaces {
                interfaces: vec![proto::Interface {
                    name: "lo".into(),
                    loopback: true,
                    up: true,
                    addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
                }],
            })),
            Observer::CallAnswers => Observation::Seen(proto::Fact::CallAnswers(proto::CallAnswers {
                answers: vec![proto::CallAnswer {
                    call: proto::Call::Vmsplice,
                    answer: proto::Answer::Errno(38),
                }],
            })),
            Observer::AccountList => Observation::Seen(proto::Fact::AccountList(proto::AccountList {
                size: 7,
                sha256: [3; 32],
                accounts: 2,
                login_shells: 1,
            })),
            _ => Observation::Denied { errno: 13 },
        },
    });
    observed.map(|observed| encoded(&delivery(Content::Observed(observed)))).collect()
}

fn encoded(message: &generated::Delivery) -> Vec<u8> {
    prost::Message::encode_to_vec(message)
}

fn decoded(bytes: Vec<u8>) -> Option<generated::Delivery> {
    prost::Message::decode(Bytes::from(bytes)).ok()
}

/// Accepted evidence must be the same after another way over the wire.
fn accept(bytes: Vec<u8>) {
    let Some(message) = decoded(bytes) else { return };
    if let Ok(parsed) = Delivery::try_from(message.clone()) {
        let again = generated::Delivery::from(parsed.clone());
        assert_eq!(Delivery::try_from(again), Ok(parsed));
    }
    _ = intake().accept(message);
}

#[test]
fn real_evidence_is_accepted() {
    for bytes in real() {
        let message = decoded(bytes).unwrap();
        intake().accept(message).unwrap();
    }
}

#[test]
fn every_truncation_is_evidence_or_a_refusal() {
    for bytes in real() {
        for length in 0..bytes.len() {
            accept(bytes[..length].to_vec());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_evidence_or_a_refusal(bytes in vec(any::<u8>(), 0..512)) {
        accept(bytes);
    }

    #[test]
    fn damaged_evidence_is_evidence_or_a_refusal(
        which in 0..Observer::ALL.len(),
        damages in vec((any::<usize>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = real().swap_remove(which);
        for (position, value) in damages {
            let length = bytes.len();
            bytes[position % length] = value;
        }
        accept(bytes);
    }

    #[test]
    fn any_order_of_messages_closes_only_whole_evidence(order in vec(0..Observer::ALL.len() + 1, 0..40)) {
        let mut intake = intake();
        for position in order {
            let content = match Observer::ALL.get(position) {
                Some(&observer) => Content::Observed(Observed { observer, outcome: Observation::Absent }),
                None => Content::Closing { observations: 20 },
            };
            _ = intake.accept(delivery(content));
        }
        let whole = intake.count() == (Observer::ALL.len(), Observer::ALL.len());
        prop_assert!(whole || !intake.collected().breaches.is_empty());
    }
}
