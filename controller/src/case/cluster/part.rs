//! Parts of a namespace to which flags restrict a run, and parts that the flags leave out.

/// A part of a namespace, and the flag that asks for it or leaves it out.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Part {
    /// The flag that restricts the run.
    pub by: Restriction,
    /// The part's name, such as "deployment/web" or "pool plain".
    pub name: String,
}

/// A flag that restricts a run to a part of a namespace.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Restriction {
    /// `--like` names the only workload.
    Like,
    /// `--nodes` names the nodes.
    Nodes,
    /// `--runtime-class` asks for pods that do not exist yet, in a namespace without workloads.
    RuntimeClass,
}

// === impl Restriction ===

impl Restriction {
    /// Returns the flag.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Like => "--like",
            Self::Nodes => "--nodes",
            Self::RuntimeClass => "--runtime-class",
        }
    }

    /// Returns the noun for one part that the flag leaves out.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Like => "workload",
            Self::Nodes => "place",
            Self::RuntimeClass => "pod",
        }
    }
}
