//! Everything that happened in a simulation, as the checker reads it.

use crate::store::Key;

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// A request arrived.
    Asked { method: String, path: String },
    /// A request of the controller made an object.
    Made { uid: String, key: Key },
    /// A request of the controller added a container to a running pod.
    Visited { pod: String, container: String },
    /// A request of the controller deleted an object.
    Deleted { uid: String, key: Key },
    /// The last message of a probe's whole evidence went to the controller.
    Whole { pod: String },
}

/// The events of a simulation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
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

    /// Returns the number of requests.
    pub(crate) fn asked(&self) -> usize {
        self.0.iter().filter(|event| matches!(event, Event::Asked { .. })).count()
    }

    /// Returns the uids of the objects that the controller made, with their keys.
    pub(crate) fn made(&self) -> Vec<(&str, &Key)> {
        let mut made = Vec::new();
        for event in &self.0 {
            if let Event::Made { uid, key } = event {
                made.push((uid.as_str(), key));
            }
        }
        made
    }

    /// Returns the running pods to which the controller added a container, with the names of the containers.
    pub(crate) fn visited(&self) -> Vec<(&str, &str)> {
        let mut visited = Vec::new();
        for event in &self.0 {
            if let Event::Visited { pod, container } = event {
                visited.push((pod.as_str(), container.as_str()));
            }
        }
        visited
    }

    /// Returns the uids of the objects that the controller deleted, with their keys.
    pub(crate) fn deleted(&self) -> Vec<(&str, &Key)> {
        let mut deleted = Vec::new();
        for event in &self.0 {
            if let Event::Deleted { uid, key } = event {
                deleted.push((uid.as_str(), key));
            }
        }
        deleted
    }

    /// Returns the pods whose probes delivered their whole evidence.
    pub(crate) fn whole(&self) -> Vec<&str> {
        let mut whole = Vec::new();
        for event in &self.0 {
            if let Event::Whole { pod } = event {
                whole.push(pod.as_str());
            }
        }
        whole
    }
}
