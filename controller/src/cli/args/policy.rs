//! The strictness of the judgement, from the flags, the variables and the policy file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::{marks, network};
use crate::cli::console::tell;
use crate::{
    case::environment::{self, Declared, Environment, EnvironmentRefused},
    judge::{
        exit::Exit,
        policy::{
            Policy,
            file::{self, Mistake, NAME, Read},
        },
    },
    run::{cluster::manifest::Marks, lookup::LookupRequest},
};

/// The variable that names the policy file.
const VARIABLE: &str = "PODPROOF_POLICY";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// The environment that the workloads are meant for [default: the strongest that ENVIRONMENT, `REQUIRE_GVISOR`,
    /// `K8S_CLUSTER_TYPE` and the policy file name, or else development]
    #[arg(long, value_enum, help_heading = "How to judge")]
    pub(in crate::cli) environment: Option<Environment>,
    /// Judge only the mandatory requirements and the checklist of production, and let them block in every environment.
    /// The verdict names the requirements that this leaves out; those whose severity the policy file raises are judged
    #[arg(long, value_enum, value_name = "ENVIRONMENT", help_heading = "How to judge")]
    pub(in crate::cli) only: Option<Only>,
    /// Make a run for a part of the namespace undetermined, such as one with --like or --nodes
    #[arg(long, conflicts_with = "only", help_heading = "How to judge")]
    require_whole: bool,
    #[command(flatten)]
    file: File,
}

/// The policy file by itself, for a command that only prepares a run.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct File {
    /// The policy file [default: the file that `PODPROOF_POLICY` names, or else podproof.toml in this folder, if it exists]
    #[arg(long = "policy", value_name = "FILE", help_heading = "How to judge")]
    path: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Only {
    Production,
}

/// The sources of the policy, and of all settings of a run.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Sources {
    environment: Option<Environment>,
    only_production: bool,
    require_whole: bool,
    /// The policy file's path in its repository, and the parsed file; `None` without a policy file.
    pub(in crate::cli) file: Option<(String, Read)>,
    /// The source of the policy file's path, in words.
    pub(in crate::cli) found_by: &'static str,
}

/// An invalid policy file or setting.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PolicyRefused {
    #[error(transparent)]
    Environment(#[from] EnvironmentRefused),
    #[error("{variable}={text:?} is not accepted: {why}")]
    Variable { variable: &'static str, text: String, why: String },
    #[error("failed to read the policy file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Mistake(#[from] Mistake),
    #[error("the policy file {file} requires the whole, and --only leaves requirements out")]
    NotTheWhole { file: String },
}

impl PolicyRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::Environment(_) | Self::Variable { .. } => "correct the variable, or unset it",
            Self::Unreadable { .. } => "--policy takes the path of a podproof.toml",
            Self::Mistake(_) => {
                "correct the policy file; `controller schema policy` prints its allowed settings"
            }
            Self::NotTheWhole { .. } => "leave --only out, or remove `require-whole` from the policy file",
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    /// Returns the path of the policy file; `None` without one.
    pub(in crate::cli) fn path(&self) -> Option<PathBuf> {
        self.file.place().0
    }

    /// Reads the policy file, if there is one.
    pub(in crate::cli) fn sources(&self) -> Result<Sources, PolicyRefused> {
        let Sources { file, found_by, .. } = self.file.sources()?;
        let require_whole = |read: &Read| read.file.require_whole.as_ref().is_some_and(|it| *it.get_ref());
        if let Some((name, _)) = file.as_ref().filter(|(_, read)| self.only.is_some() && require_whole(read))
        {
            return Err(PolicyRefused::NotTheWhole { file: name.clone() });
        }
        let (only_production, require_whole) = (self.only.is_some(), self.require_whole);
        Ok(Sources { environment: self.environment, only_production, require_whole, file, found_by })
    }
}

// === impl File ===

impl File {
    /// Reads the policy file, if there is one. Flags add nothing to it.
    pub(in crate::cli) fn sources(&self) -> Result<Sources, PolicyRefused> {
        let (path, found_by) = self.place();
        let file = match path {
            Some(path) => {
                let text = fs::read_to_string(&path)
                    .map_err(|source| PolicyRefused::Unreadable { path: path.clone(), source })?;
                Some((in_repository(&path), file::read(&path.display().to_string(), text)?))
            }
            None => None,
        };
        Ok(Sources { environment: None, only_production: false, require_whole: false, file, found_by })
    }

    /// Returns true if a flag names the policy file.
    pub(in crate::cli) const fn is_named(&self) -> bool {
        self.path.is_some()
    }

    /// Returns what a run would take from flags, variables and the policy file: the attempts, and the marks of its pods. A refusal
    /// is told, and ends the command.
    pub(in crate::cli) fn foreseen(
        &self,
        network: &network::Arguments,
        marks: &marks::Arguments,
    ) -> Result<(LookupRequest, Marks), Exit> {
        let sources = self.sources().map_err(|refused| refused.tell())?;
        let network = network.settings(&sources).map_err(|refused| refused.tell())?;
        let marks = marks.settings(&sources).map_err(|refused| refused.tell())?.marks();
        Ok((network.request().map_err(|refused| refused.tell())?, marks))
    }

    /// Returns the policy file's path, and the source of the path.
    fn place(&self) -> (Option<PathBuf>, &'static str) {
        if let Some(path) = &self.path {
            return (Some(path.clone()), "--policy");
        }
        match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => (Some(PathBuf::from(path)), VARIABLE),
            None if Path::new(NAME).is_file() => (Some(PathBuf::from(NAME)), "found here"),
            None => (None, "no podproof.toml here"),
        }
    }
}

impl Sources {
    /// Returns the environment of a new run, from the flag, the variables and the policy file.
    pub(in crate::cli) fn declared(&self) -> Result<Declared, PolicyRefused> {
        Ok(environment::declared(self.environment, self.claim(), variable)?)
    }

    /// Returns the environment for judging a saved run again: the strongest of the recorded one, the variables and the
    /// policy file, unless the flag names another.
    pub(in crate::cli) fn declared_again(&self, recorded: &Declared) -> Result<Declared, PolicyRefused> {
        Ok(environment::declared_again(self.environment, self.claim(), recorded, variable)?)
    }

    /// Returns the environment that the policy file names, and the file's name.
    fn claim(&self) -> Option<(Environment, String)> {
        let (name, read) = self.file.as_ref()?;
        Some((*read.file.environment.as_ref()?.get_ref(), name.clone()))
    }

    /// Returns the policy for an environment.
    pub(in crate::cli) fn policy(&self, environment: Environment, today: Date) -> Policy {
        self.policy_as(environment, self.only_production, self.require_whole, today)
    }

    /// Returns the policy for an environment with the strictness of flags that were given earlier.
    pub(in crate::cli) fn policy_as(
        &self,
        environment: Environment,
        only_production: bool,
        require_whole: bool,
        today: Date,
    ) -> Policy {
        let mut policy = Policy { only_production, require_whole, ..Policy::of(environment) };
        if let Some((name, read)) = &self.file {
            policy.file = Some(name.clone());
            read.amend(&mut policy, today);
        }
        policy
    }
}

/// Returns the file's path from the top of its repository, or from the current folder if it is in no repository.
fn in_repository(path: &Path) -> String {
    let Ok(full) = fs::canonicalize(path) else { return path.display().to_string() };
    let top = full.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    let here = std::env::current_dir().ok().and_then(|folder| fs::canonicalize(folder).ok());
    let seen =
        top.map(Path::to_owned).or(here).and_then(|top| full.strip_prefix(top).ok().map(Path::to_owned));
    let seen = seen.or_else(|| full.file_name().map(PathBuf::from)).unwrap_or_else(|| PathBuf::from(NAME));
    seen.display().to_string()
}

/// Returns a variable's value. No accepted value has bytes that are not UTF-8; their replacement is refused later.
pub(in crate::cli) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
