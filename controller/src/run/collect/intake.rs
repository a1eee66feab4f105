//! The messages of one probe, checked against the protocol's rules, independently of the transport.

use proto::{
    Assignment, Delivery, Evidence, Fact, Introduction, Observation, Observed, Observer, SCHEMA_VERSION,
    delivery::Content, generated,
};

use crate::{
    case::{Collected, breach::Breach},
    support::digest::hexadecimal,
};

/// The most breaches that are kept: one decides, a few more explain it.
const MOST_BREACHES: usize = 8;

/// The result of an accepted delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// An observation by this observer.
    Observation(Observer),
    /// The closing message: the evidence is complete, with this number of observations.
    Closing(u32),
}

/// The state of one probe's delivery.
#[derive(Debug)]
pub struct Intake {
    assignment: Assignment,
    introduction: Option<Introduction>,
    evidence: Evidence,
    received: Vec<Observer>,
    delivering: bool,
    closed: bool,
    breaches: Vec<Breach>,
}

// === impl Intake ===

impl Intake {
    /// Creates an intake that has received nothing yet.
    pub fn new(assignment: Assignment) -> Self {
        let evidence = nothing_of(&assignment);
        Self {
            assignment,
            introduction: None,
            evidence,
            received: Vec::new(),
            delivering: false,
            closed: false,
            breaches: Vec::new(),
        }
    }

    /// Accepts an introduction and returns the assignment.
    pub fn introduce(
        &mut self,
        message: generated::Introduction,
    ) -> Result<(Introduction, Assignment), Breach> {
        let result = self.try_introduce(message);
        self.noted(result)
    }

    /// Accepts the beginning of the deliveries; a second beginning is a breach.
    pub fn begin_delivery(&mut self) -> Result<(), Breach> {
        let result = match (&self.introduction, self.delivering) {
            (None, _) => Err(Breach::Unasked),
            (Some(_), true) => Err(Breach::Twice("Deliver")),
            (Some(_), false) => Ok(()),
        };
        self.delivering = true;
        self.noted(result)
    }

    /// Ends the stream of deliveries. An end without a closing message is always a breach.
    pub fn end_delivery(&mut self) -> Result<Accepted, Breach> {
        let (received, expected) = self.count();
        self.noted(Err(Breach::Unclosed { received, expected }))
    }

    /// Accepts one delivery.
    pub fn accept(&mut self, message: generated::Delivery) -> Result<Accepted, Breach> {
        let result = self.try_accept(message);
        self.noted(result)
    }

    /// Notes a breach that lies outside of the messages themselves.
    pub fn breach(&mut self, breach: Breach) {
        if !self.closed {
            self.note(breach);
        }
    }

    /// Returns the numbers of received and of assigned observations.
    pub fn count(&self) -> (usize, usize) {
        (self.received.len(), self.assignment.observers.len())
    }

    /// Returns the evidence received so far, with every breach.
    pub fn collected(&self) -> Collected {
        let mut breaches = self.breaches.clone();
        if self.introduction.is_none() {
            breaches.push(Breach::Silent);
        } else if !self.closed {
            let (received, expected) = self.count();
            let unclosed = Breach::Unclosed { received, expected };
            if !breaches.contains(&unclosed) {
                breaches.push(unclosed);
            }
        }
        Collected {
            nonce: Some(hexadecimal(&self.assignment.nonce.0)),
            introduction: self.introduction.clone(),
            evidence: self.evidence.clone(),
            breaches,
        }
    }

    fn noted<T>(&mut self, result: Result<T, Breach>) -> Result<T, Breach> {
        if let Err(breach) = &result {
            self.note(breach.clone());
        }
        result
    }

    fn note(&mut self, breach: Breach) {
        if self.breaches.len() < MOST_BREACHES && !self.breaches.contains(&breach) {
            self.breaches.push(breach);
        }
    }

    /// Returns true if there is exactly one attempt for each target, in the assignment's order.
    fn answers_the_targets(&self, observed: &Observed) -> bool {
        let Observation::Seen(Fact::Egress(egress)) = &observed.outcome else { return true };
        let attempted = egress.attempts.iter().map(|attempt| attempt.target);
        attempted.eq(self.assignment.targets.iter().map(|target| target.id))
    }

    fn try_introduce(
        &mut self,
        message: generated::Introduction,
    ) -> Result<(Introduction, Assignment), Breach> {
        if self.introduction.is_some() {
            return Err(Breach::Twice("Introduce"));
        }
        // The version comes first: messages of another version may not even parse.
        if message.schema_version != SCHEMA_VERSION {
            return Err(Breach::SchemaVersion { spoken: message.schema_version });
        }
        let introduction = Introduction::try_from(message)?;
        let lacking = |observer: &&Observer| !introduction.observers.contains(observer);
        if let Some(&observer) = self.assignment.observers.iter().find(lacking) {
            return Err(Breach::Lacking(observer));
        }
        self.introduction = Some(introduction.clone());
        Ok((introduction, self.assignment.clone()))
    }

    fn try_accept(&mut self, message: generated::Delivery) -> Result<Accepted, Breach> {
        let Delivery { nonce, content } = Delivery::try_from(message)?;
        if nonce != self.assignment.nonce {
            return Err(Breach::WrongNonce);
        }
        match content {
            Content::Observed(observed) if self.received.contains(&observed.observer) => {
                Err(Breach::Repeated(observed.observer))
            }
            Content::Observed(observed) if !self.assignment.observers.contains(&observed.observer) => {
                Err(Breach::Unassigned(observed.observer))
            }
            Content::Observed(observed) if !self.answers_the_targets(&observed) => Err(Breach::OtherTargets),
            Content::Observed(observed) => {
                let who = observed.observer;
                self.evidence.record(observed)?;
                self.received.push(who);
                Ok(Accepted::Observation(who))
            }
            Content::Closing { observations } => {
                let (received, expected) = self.count();
                if usize::try_from(observations) != Ok(received) || received != expected {
                    return Err(Breach::Miscounted { claimed: observations, received, expected });
                }
                self.closed = true;
                Ok(Accepted::Closing(observations))
            }
        }
    }
}

/// Returns the evidence before any observation, which tells unassigned observers from silent ones.
fn nothing_of(assignment: &Assignment) -> Evidence {
    let mut evidence = Evidence::default();
    let unasked = |observer: &&Observer| !assignment.observers.contains(observer);
    for &observer in Observer::ALL.iter().filter(unasked) {
        let outcome = Observation::failed("the probe was not asked for it");
        // Recording fails only for a fact of another observer, and this is no fact.
        _ = evidence.record(Observed { observer, outcome });
    }
    evidence
}

#[cfg(test)]
mod tests {
    use proto::{Attempt, Budget, Egress, Nonce};

    use super::*;

    const NONCE: Nonce = Nonce([1; 16]);

    fn intake() -> Intake {
        let second = std::time::Duration::from_secs(1);
        Intake::new(Assignment {
            nonce: NONCE,
            observers: vec![Observer::BootId, Observer::Egress],
            targets: Vec::new(),
            budget: Budget { observer: second, egress: second, again: None },
        })
    }

    fn introduction() -> Introduction {
        Introduction {
            probe_version: "0.1.0".into(),
            schema_version: SCHEMA_VERSION,
            architecture: "x86_64".into(),
            observers: Observer::ALL.to_vec(),
        }
    }

    fn observed(observer: Observer) -> generated::Delivery {
        Delivery {
            nonce: NONCE,
            content: Content::Observed(Observed { observer, outcome: Observation::Absent }),
        }
        .into()
    }

    fn closing(observations: u32) -> generated::Delivery {
        Delivery { nonce: NONCE, content: Content::Closing { observations } }.into()
    }

    #[test]
    fn a_whole_delivery_has_no_breach() {
        let mut intake = intake();
        intake.introduce(introduction().into()).unwrap();
        intake.begin_delivery().unwrap();
        intake.accept(observed(Observer::BootId)).unwrap();
        intake.accept(observed(Observer::Egress)).unwrap();
        assert_eq!(intake.accept(closing(2)), Ok(Accepted::Closing(2)));
        assert_eq!(intake.collected().breaches, []);
    }

    #[test]
    fn half_a_delivery_keeps_its_observations() {
        let mut intake = intake();
        intake.introduce(introduction().into()).unwrap();
        intake.accept(observed(Observer::BootId)).unwrap();
        let collected = intake.collected();
        assert_eq!(collected.evidence.boot_id, Observation::Absent);
        assert_eq!(collected.breaches, [Breach::Unclosed { received: 1, expected: 2 }]);
    }

    #[test]
    fn a_closing_with_another_count_is_refused() {
        for claimed in [1, 2] {
            let mut intake = intake();
            intake.introduce(introduction().into()).unwrap();
            intake.accept(observed(Observer::BootId)).unwrap();
            let breach = Breach::Miscounted { claimed, received: 1, expected: 2 };
            assert_eq!(intake.accept(closing(claimed)), Err(breach.clone()));
            assert!(intake.collected().breaches.contains(&breach));
        }
    }

    #[test]
    fn a_message_with_another_runs_nonce_leaves_no_evidence() {
        let mut intake = intake();
        intake.introduce(introduction().into()).unwrap();
        let mut foreign = observed(Observer::BootId);
        foreign.nonce = vec![2; 16];
        assert_eq!(intake.accept(foreign), Err(Breach::WrongNonce));
        assert_eq!(intake.collected().evidence.boot_id, Observation::failed("the probe did not report it"));
    }

    #[test]
    fn an_unassigned_observer_is_told_from_a_silent_one() {
        let evidence = intake().collected().evidence;
        assert_eq!(evidence.egress.fared(), "the probe did not report it");
        assert_eq!(evidence.processor_share.fared(), "the probe was not asked for it");
    }

    #[test]
    fn another_schema_or_a_missing_observer_is_refused_by_name() {
        let other = Introduction { schema_version: SCHEMA_VERSION + 1, ..introduction() };
        assert_eq!(
            intake().introduce(other.into()).unwrap_err(),
            Breach::SchemaVersion { spoken: SCHEMA_VERSION + 1 }
        );
        let blind = Introduction { observers: vec![Observer::BootId], ..introduction() };
        assert_eq!(intake().introduce(blind.into()).unwrap_err(), Breach::Lacking(Observer::Egress));
    }

    #[test]
    fn a_repeated_or_early_message_is_refused() {
        let mut intake = intake();
        assert_eq!(intake.begin_delivery(), Err(Breach::Unasked));
        intake.introduce(introduction().into()).unwrap();
        assert_eq!(intake.introduce(introduction().into()).unwrap_err(), Breach::Twice("Introduce"));
        assert_eq!(intake.begin_delivery(), Err(Breach::Twice("Deliver")));
        intake.accept(observed(Observer::BootId)).unwrap();
        assert_eq!(intake.accept(observed(Observer::BootId)), Err(Breach::Repeated(Observer::BootId)));
    }

    #[test]
    fn an_unassigned_observation_is_refused() {
        let mut intake = intake();
        intake.introduce(introduction().into()).unwrap();
        let unasked = intake.accept(observed(Observer::Routes));
        assert_eq!(unasked, Err(Breach::Unassigned(Observer::Routes)));
        let attempt = Attempt { target: 5, reach: proto::Reach::Reached, errno: 0, took_us: 1, again: None };
        let outcome = Observation::Seen(Fact::Egress(Egress {
            attempts: vec![attempt],
            name_servers: Vec::new(),
            container_age_ms: None,
            lookups: Vec::new(),
        }));
        let content = Content::Observed(Observed { observer: Observer::Egress, outcome });
        assert_eq!(intake.accept(Delivery { nonce: NONCE, content }.into()), Err(Breach::OtherTargets));
    }

    #[test]
    fn only_the_first_few_breaches_are_kept() {
        let mut intake = intake();
        for version in SCHEMA_VERSION + 1..100 {
            let other = Introduction { schema_version: version, ..introduction() };
            assert!(intake.introduce(other.into()).is_err());
        }
        assert_eq!(intake.collected().breaches.len(), MOST_BREACHES + 1);
    }

    #[test]
    fn silence_is_a_breach() {
        assert_eq!(intake().collected().breaches, [Breach::Silent]);
    }
}
