//! The number of a run's requests, by their kinds.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Method, Request};

/// The kind of a request, in the order of the report.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Creation,
    DryRun,
    Exec,
    Deletion,
    Read,
    Watch,
    Other,
}

/// The requests so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Arc<Mutex<BTreeMap<Kind, usize>>>);

// === impl Kind ===

impl Kind {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let asks =
            |pair: &str| request.uri().query().is_some_and(|query| query.split('&').any(|it| it == pair));
        let path = request.uri().path();
        match *request.method() {
            _ if path.ends_with("/exec") => Self::Exec,
            _ if asks("dryRun=All") => Self::DryRun,
            // A review of access creates no object.
            Method::POST if !path.contains("/authorization.k8s.io/") => Self::Creation,
            Method::DELETE => Self::Deletion,
            Method::GET if asks("watch=true") => Self::Watch,
            Method::GET => Self::Read,
            _ => Self::Other,
        }
    }

    /// Returns the kind's name in the singular and in the plural.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Creation => ("creation", "creations"),
            Self::DryRun => ("dry run", "dry runs"),
            Self::Exec => ("exec", "execs"),
            Self::Deletion => ("deletion", "deletions"),
            Self::Read => ("read", "reads"),
            Self::Watch => ("watch", "watches"),
            Self::Other => ("other", "others"),
        }
    }
}

// === impl Made ===

impl Made {
    pub(super) fn count(&self, kind: Kind) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Returns the number of all requests.
    pub(crate) fn total(&self) -> usize {
        self.by_kind().values().sum()
    }

    fn by_kind(&self) -> BTreeMap<Kind, usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.by_kind();
        let named = kinds.iter().map(|(kind, &number)| {
            let (one, many) = kind.names();
            format!("{number} {}", if number == 1 { one } else { many })
        });
        let named = named.collect::<Vec<_>>().join(", ");
        write!(formatter, "{} requests to the API server: {named}", kinds.values().sum::<usize>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: Method, uri: &str) -> Kind {
        Kind::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn a_request_has_a_kind() {
        let pods = "/api/v1/namespaces/shop/pods";
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        for (method, uri, expected) in [
            (Method::POST, pods.to_owned(), Kind::Creation),
            (Method::POST, format!("{pods}?&dryRun=All&fieldManager=podproof"), Kind::DryRun),
            (Method::GET, format!("{pods}/a/exec?command=%2Fprobe"), Kind::Exec),
            (Method::DELETE, format!("{pods}/a?"), Kind::Deletion),
            (Method::GET, format!("{pods}?&limit=250"), Kind::Read),
            (Method::GET, format!("{pods}?&watch=true&timeoutSeconds=290"), Kind::Watch),
            (Method::POST, review.to_owned(), Kind::Other),
            (Method::PATCH, format!("{pods}/a/ephemeralcontainers"), Kind::Other),
        ] {
            assert_eq!(kind(method, &uri), expected, "{uri}");
        }
    }

    #[test]
    fn the_requests_of_each_kind_are_told_beside_their_sum() {
        let made = Made::default();
        for kind in [Kind::Watch, Kind::Read, Kind::Creation, Kind::Creation] {
            made.count(kind);
        }
        assert_eq!(made.to_string(), "4 requests to the API server: 2 creations, 1 read, 1 watch");
    }
}
