//! The architectures for which there are probes, and their names.

use std::fmt;

/// An architecture for which there is a probe.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Architecture {
    /// The architecture x86-64.
    X86,
    /// The architecture `AArch64`.
    Arm,
}

impl Architecture {
    /// Every architecture, in the order of images.
    pub const ALL: [Self; 2] = [Self::X86, Self::Arm];
    /// The controller's own architecture.
    pub const OWN: Self = if cfg!(target_arch = "aarch64") { Self::Arm } else { Self::X86 };

    /// Returns the name in Go, Kubernetes and images (go.dev/doc/install/source, GOARCH).
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    /// Returns the name in Rust and in uname(2).
    pub const fn machine(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }

    /// Returns the architecture with a name of Go; `None` for one without a probe.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Returns the architecture with a name of Rust; `None` for one without a probe.
    pub fn of_machine(machine: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.machine() == machine)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_own_architecture_is_the_compilers() {
        assert_eq!(Architecture::of_machine(std::env::consts::ARCH), Some(Architecture::OWN));
    }

    #[test]
    fn each_architecture_is_found_by_both_names() {
        for architecture in Architecture::ALL {
            assert_eq!(Architecture::named(architecture.name()), Some(architecture));
            assert_eq!(Architecture::of_machine(architecture.machine()), Some(architecture));
        }
        assert_eq!((Architecture::named("x86_64"), Architecture::of_machine("amd64")), (None, None));
    }
}
