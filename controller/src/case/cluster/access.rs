//! Requests to the API server, as far as one that fails must be told from the others.

use std::fmt;

/// A request to the API server. Files hold its words alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Access {
    /// A request for a resource, as a Role writes it.
    Resource {
        /// The verb of a Role.
        verb: Verb,
        /// The resource, with its group if it has one.
        resource: String,
        /// The namespace; `None` for the judged namespace.
        namespace: Option<String>,
    },
    /// A request for a path of the API server's own, such as `/version`.
    Path(String),
    /// The specification of an object's pods, by the object's title.
    PodsOf(String),
    /// The words of a saved file, which no decision reads.
    Recorded(String),
}

/// A verb of a Role.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads every object.
    List,
}

// === impl Access ===

impl Access {
    /// The request for the judged namespace's pods.
    pub fn pods() -> Self {
        Self::list("pods")
    }

    /// The request for every object of a resource.
    pub fn list(resource: impl Into<String>) -> Self {
        Self::Resource { verb: Verb::List, resource: resource.into(), namespace: None }
    }

    /// The request for one object of a resource.
    pub fn get(resource: impl Into<String>) -> Self {
        Self::Resource { verb: Verb::Get, resource: resource.into(), namespace: None }
    }

    /// The same request, in a named namespace.
    #[must_use]
    pub fn within(mut self, name: &str) -> Self {
        if let Self::Resource { namespace, .. } = &mut self {
            *namespace = Some(name.to_owned());
        }
        self
    }
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource { verb, resource, namespace: None } => write!(formatter, "{verb} {resource}"),
            Self::Resource { verb, resource, namespace: Some(namespace) } => {
                write!(formatter, "{verb} {resource} in {namespace}")
            }
            Self::Path(path) => write!(formatter, "get {path}"),
            Self::PodsOf(title) => write!(formatter, "read the pods of {title}"),
            Self::Recorded(words) => formatter.write_str(words),
        }
    }
}

// === impl Verb ===

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_a_role_writes_it() {
        for (access, words) in [
            (Access::pods(), "list pods"),
            (Access::list("services").within("kube-system"), "list services in kube-system"),
            (Access::get("services").within("default"), "get services in default"),
            (Access::Path("/version".to_owned()), "get /version"),
            (Access::PodsOf("workflow/build".to_owned()), "read the pods of workflow/build"),
        ] {
            assert_eq!(access.to_string(), words);
        }
    }
}
