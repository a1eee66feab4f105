//! Everything that happened in a simulation, as the checker reads it.

use crate::store::Key;

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// A request arrived.
    Asked { method: String, path: String },
    /// A request of the controller made an object.
    Made { uid: String, key: Key },
    /// A request of the controller deleted an object.
    Deleted { uid: String, key: Key },
    /// A probe delivered its whole evidence, and the controller confirmed it.
    Whole { pod: String },
}

/// The events of a simulation.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(pub(crate) Vec<Event>);

impl History {
    /// Returns the requests in the order in which they arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        let request = |event: &Event| match event {
            Event::Asked { method, path } => Some(format!("{method} {path}")),
            _ => None,
        };
        self.0.iter().filter_map(request).collect()
    }

    /// Returns the uids of the objects that the controller made, with their keys.
    pub(crate) fn made(&self) -> Vec<(&str, &Key)> {
        let made = |event| match event {
            &Event::Made { ref uid, ref key } => Some((uid.as_str(), key)),
            _ => None,
        };
        self.0.iter().filter_map(made).collect()
    }

    /// Returns the uids of the objects that the controller deleted, with their keys.
    pub(crate) fn deleted(&self) -> Vec<(&str, &Key)> {
        let deleted = |event| match event {
            &Event::Deleted { ref uid, ref key } => Some((uid.as_str(), key)),
            _ => None,
        };
        self.0.iter().filter_map(deleted).collect()
    }

    /// Returns the pods whose probes delivered their whole evidence.
    pub(crate) fn whole(&self) -> Vec<&str> {
        let whole = |event| match event {
            &Event::Whole { ref pod } => Some(pod.as_str()),
            _ => None,
        };
        self.0.iter().filter_map(whole).collect()
    }
}
