//! Waivers: gaps that a named owner accepts for a time.

use crate::{case::Subject, judge::catalogue};

/// A requirement that need not be met, in a scope, for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiver {
    /// The waived requirement's id.
    pub requirement: &'static str,
    /// The subjects for which the waiver holds.
    pub scope: Scope,
    /// The person or team that answers for the waiver.
    pub owner: String,
    /// The reason why the gap is accepted.
    pub reason: String,
    /// The last day on which the waiver holds, in UTC, as YYYY-MM-DD.
    pub expires: String,
    /// True if that day is over.
    pub expired: bool,
    /// The waiver's line in the policy file, counted from 1.
    pub line: usize,
}

/// The subjects for which a waiver holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Every sandbox of every run.
    Everywhere,
    /// Sandboxes of the machine that runs the controller.
    Local,
    /// The pods of a namespace.
    Namespace(String),
    /// The pods of a node pool.
    Pool(String),
}

/// The standing of a waiver under a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// The waiver holds.
    InForce,
    /// The last day is over; that alone makes the verdict *not ready*.
    Expired,
    /// The waiver does not hold: production waives no mandatory requirement.
    Refused,
}

// === impl Waiver ===

impl Waiver {
    /// True if production cannot do without the requirement.
    pub fn is_of_a_mandatory_requirement(&self) -> bool {
        catalogue::ALL.iter().any(|requirement| requirement.id == self.requirement && requirement.mandatory)
    }
}

// === impl Scope ===

impl Scope {
    /// Parses a scope as the file writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None if text == "everywhere" => Some(Self::Everywhere),
            None if text == "local" => Some(Self::Local),
            Some(("namespace", name)) if !name.is_empty() => Some(Self::Namespace(name.to_owned())),
            Some(("pool", name)) if !name.is_empty() => Some(Self::Pool(name.to_owned())),
            _ => None,
        }
    }

    /// Returns the scope as the file writes it.
    pub fn title(&self) -> String {
        match self {
            Self::Everywhere => "everywhere".to_owned(),
            Self::Local => "local".to_owned(),
            Self::Namespace(name) => format!("namespace/{name}"),
            Self::Pool(name) => format!("pool/{name}"),
        }
    }

    /// True if the subject is in the scope.
    pub fn covers(&self, subject: &Subject) -> bool {
        self.covers_pods(match subject {
            Subject::Pods { namespace, pool, .. } => Some((namespace, pool)),
            Subject::Sandbox { .. } | Subject::Container { .. } | Subject::Unsandboxed => None,
        })
    }

    /// True if the pods of a namespace and a pool are in the scope; `None` is a sandbox of this machine.
    pub fn covers_pods(&self, pods: Option<(&str, &str)>) -> bool {
        match (self, pods) {
            (Self::Everywhere, _) | (Self::Local, None) => true,
            (Self::Namespace(name), Some((namespace, _))) => name == namespace,
            (Self::Pool(name), Some((_, pool))) => name == pool,
            (Self::Namespace(_) | Self::Pool(_), None) | (Self::Local, Some(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_scope_is_written_as_it_was_read() {
        for text in ["everywhere", "local", "namespace/shop", "pool/sandbox"] {
            assert_eq!(Scope::parse(text).map(|scope| scope.title()).as_deref(), Some(text));
        }
        for text in ["", "Everywhere", "local/", "namespace/", "pool/", "node/one"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_scope_covers_its_own_subjects_alone() {
        let [pods, sandbox] = [fixture::pod(), fixture::gvisor()].map(|case| case.surroundings.subject);
        let Subject::Pods { namespace, pool, .. } = &pods else { panic!("{pods:?}") };
        let others = [Scope::Namespace("another".to_owned()), Scope::Pool("another".to_owned())];
        for (scope, of_pods, of_sandbox) in [
            (Scope::Everywhere, true, true),
            (Scope::Local, false, true),
            (Scope::Namespace(namespace.clone()), true, false),
            (Scope::Pool(pool.clone()), true, false),
        ] {
            assert_eq!((scope.covers(&pods), scope.covers(&sandbox)), (of_pods, of_sandbox), "{scope:?}");
        }
        assert!(!others.iter().any(|scope| scope.covers(&pods)));
        assert!(Scope::Local.covers(&Subject::Unsandboxed));
    }

    #[test]
    fn a_waiver_tells_if_its_requirement_is_mandatory() {
        for requirement in catalogue::ALL {
            let waiver = Waiver {
                requirement: requirement.id,
                scope: Scope::Everywhere,
                owner: String::new(),
                reason: String::new(),
                expires: String::new(),
                expired: false,
                line: 1,
            };
            assert_eq!(waiver.is_of_a_mandatory_requirement(), requirement.mandatory, "{}", requirement.id);
        }
    }
}
