//! The policy file `podproof.toml`: its keys, and its mistakes with their places.

mod accepted;

mod workloads;

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Unexpected},
};
use toml::{Spanned, value::Datetime};

pub use workloads::OfWorkloads;

use super::{Enforcement, Policy, Waiver, waiver::Scope};
use crate::{
    case::{cluster::kind_and_name, environment::Environment, profile::Kind},
    judge::{
        catalogue,
        requirement::{Class, Requirement},
    },
};
use accepted::{AcceptedDevice, AcceptedVolumes};

/// The name that is looked for when no policy file is named.
pub const NAME: &str = "podproof.toml";
/// The largest number of wrong letters for which an id is offered instead.
const SLIPS: usize = 3;

/// A list of texts, each with its place in the file.
pub type Texts = Spanned<Vec<Spanned<String>>>;

/// The whole policy file; every key is optional.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(title = "podproof.toml")]
pub struct File {
    /// The environment in which the workloads are meant to run. The strongest of this and the variables holds; only
    /// --environment weakens.
    #[schemars(with = "Option<Environment>")]
    pub environment: Option<Spanned<Environment>>,
    /// The destinations that the sandbox may reach.
    #[schemars(with = "Option<Kind>")]
    pub profile: Option<Spanned<Kind>>,
    /// More destinations that the sandbox may reach, in the form of `--allow`.
    #[schemars(with = "Option<Vec<String>>")]
    pub allow: Option<Texts>,
    /// More destinations that the sandbox may reach and must reach, in the form of `--require-egress`.
    #[schemars(with = "Option<Vec<String>>")]
    pub require_egress: Option<Texts>,
    /// Destinations that the sandbox tries to reach, in the form of `--egress-target`.
    #[schemars(with = "Option<Vec<String>>")]
    pub egress_targets: Option<Texts>,
    /// True if the sandbox also tries what no sandbox should reach, such as metadata services.
    #[schemars(with = "Option<bool>")]
    pub default_targets: Option<Spanned<bool>>,
    /// Labels of the pods that a run makes, as "KEY=VALUE".
    #[schemars(with = "Option<Vec<String>>")]
    pub probe_labels: Option<Texts>,
    /// Annotations of the pods that a run makes, as "KEY=VALUE".
    #[schemars(with = "Option<Vec<String>>")]
    pub probe_annotations: Option<Texts>,
    /// True if a run for a part of the namespace, such as one with --like, is undetermined.
    #[schemars(with = "Option<bool>")]
    pub require_whole: Option<Spanned<bool>>,
    /// Destinations of single workloads, in place of those of the whole run.
    #[schemars(with = "Vec<OfWorkloads>")]
    pub workloads: Vec<Spanned<OfWorkloads>>,
    /// Workloads and pods that others are meant to reach, such as "deployment/web" or "pod/web-1".
    #[schemars(with = "Option<Vec<Meant>>")]
    ingress: Option<Spanned<Vec<Meant>>>,
    /// Bounds of the run itself.
    pub limits: RunLimits,
    /// Shares of the score that replace the requirements' own.
    #[schemars(with = "BTreeMap<Id, Weight>")]
    weights: BTreeMap<Id, Spanned<Weight>>,
    /// Effects on the verdict that are stricter than the requirement's class.
    #[schemars(with = "BTreeMap<Id, Severity>")]
    severity: BTreeMap<Id, Spanned<Severity>>,
    /// Requirements that need not be met for a time.
    #[schemars(with = "Vec<Entry>")]
    waivers: Vec<Spanned<Entry>>,
    /// Drivers whose volumes are accepted, although it is not known whose files they hold. Every report lists them.
    #[schemars(with = "Vec<AcceptedVolumes>")]
    accepted_volumes: Vec<Spanned<AcceptedVolumes>>,
    /// Devices of the node that workloads may have. Every report lists them.
    #[schemars(with = "Vec<AcceptedDevice>")]
    accepted_devices: Vec<Spanned<AcceptedDevice>>,
}

/// Bounds of the run itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RunLimits {
    /// The longest time that the whole run may take, such as "5m".
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Spanned<String>>,
    /// The time from the first round of attempts to the second, such as "5s"; "0" makes one round.
    #[schemars(with = "Option<String>")]
    pub settle: Option<Spanned<String>>,
}

/// A requirement that need not be met, in a scope, for a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    /// The requirement's id. A requirement that blocks in every environment cannot be waived, and production waives no
    /// mandatory requirement.
    #[serde(deserialize_with = "waivable")]
    requirement: Id,
    /// The scope: "everywhere", "local", "namespace/NAME" or "pool/NAME".
    #[serde(deserialize_with = "scope")]
    #[schemars(with = "String", regex(pattern = "^(everywhere|local|(namespace|pool)/.+)$"))]
    scope: Scope,
    /// The person or team that answers for the waiver.
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    owner: String,
    /// The reason why the gap is accepted.
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    reason: String,
    /// The last day on which the waiver holds, in UTC, a TOML date such as 2027-01-31.
    #[serde(deserialize_with = "date")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    expires: Date,
}

/// The id of a requirement that exists.
#[derive(Clone, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd)]
struct Id(#[schemars(with = "String", regex(pattern = "^[a-z-]+$"))] &'static str);

/// A workload or a pod that others are meant to reach, as KIND/NAME.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct Meant(
    #[serde(deserialize_with = "meant")]
    #[schemars(with = "String", regex(pattern = "^[A-Za-z.]+/.+$"))]
    (String, String),
);

/// A share of the score, from 1 to 100.
#[derive(Clone, Copy, Debug, JsonSchema)]
struct Weight(#[schemars(range(min = 1, max = 100))] u8);

/// A severity that the file can ask for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Severity {
    /// Unmet and inconclusive are warnings.
    Warns,
    /// Unmet makes the verdict *not ready*, inconclusive makes it *undetermined*.
    Blocks,
}

/// A mistake in a policy file, with its place.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Mistake {
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The mistake, as a sentence.
    pub message: String,
}

/// A parsed policy file, with the text that places refer to.
#[derive(Clone, Debug)]
pub struct Read {
    /// The parsed content.
    pub file: File,
    name: String,
    text: String,
}

/// Parses a policy file's text.
pub fn read(name: &str, text: String) -> Result<Read, Mistake> {
    let parsed = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        mistake(name, &text, start, error.message().replace('\n', "; "))
    })?;
    Ok(Read { file: parsed, name: name.to_owned(), text })
}

// === impl Read ===

impl Read {
    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line of a value.
    pub fn line<T>(&self, value: &Spanned<T>) -> usize {
        place(&self.text, value.span().start).0
    }

    /// Returns a value and its line.
    pub fn value<T: Clone>(&self, value: &Spanned<T>) -> (T, usize) {
        (value.get_ref().clone(), self.line(value))
    }

    /// Parses a text; returns the value and its line.
    pub fn parsed<T>(
        &self,
        text: &Spanned<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<(T, usize), Mistake> {
        let mistaken = |why| mistake(&self.name, &self.text, text.span().start, why);
        Ok((parse(text.get_ref()).map_err(mistaken)?, self.line(text)))
    }

    /// Parses each text of a list; returns the values and the list's line.
    pub fn all_parsed<T>(
        &self,
        texts: &Texts,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<(Vec<T>, usize), Mistake> {
        let values = texts.get_ref().iter().map(|text| Ok(self.parsed(text, &parse)?.0));
        Ok((values.collect::<Result<_, _>>()?, self.line(texts)))
    }

    /// Returns a mistake at the place of a value.
    pub fn mistake<T>(&self, value: &Spanned<T>, message: &str) -> Mistake {
        mistake(&self.name, &self.text, value.span().start, message.to_owned())
    }

    /// Adds this file's weights, severities, waivers and acceptances to a policy; a waiver that ended before `today` is expired.
    pub fn amend(&self, policy: &mut Policy, today: Date) {
        let weights = self.file.weights.iter();
        policy.require_whole |= self.file.require_whole.as_ref().is_some_and(|it| *it.get_ref());
        policy.weights = weights.map(|(id, weight)| (id.0, weight.get_ref().0)).collect();
        let raised = self.file.severity.iter();
        policy.raised = raised.map(|(id, severity)| (id.0, severity.get_ref().enforcement())).collect();
        let meant = self.file.ingress.iter().flat_map(Spanned::get_ref);
        policy.ingress = meant.map(|Meant(meant)| meant.clone()).collect();
        policy.accepted = self.accepted();
        policy.waivers = self.file.waivers.iter().map(|entry| self.waiver(entry, today)).collect();
    }

    /// Returns the settings of single requirements: the key, its value with its effect under a policy, and its line.
    pub fn of_requirements(&self, policy: &Policy) -> Vec<(String, String, usize)> {
        let weights = self.file.weights.iter().map(|(id, weight)| {
            (format!("weights.{}", id.0), weight.get_ref().0.to_string(), self.line(weight))
        });
        let severity = self.file.severity.iter().map(|(id, severity)| {
            let wanted = severity.get_ref().enforcement();
            let own = id.requirement().and_then(|requirement| policy.unmoved_by(wanted, requirement));
            let value = match own {
                Some(own) => format!("{} (no effect: {} anyway)", wanted.id(), own.id()),
                None => wanted.id().to_owned(),
            };
            (format!("severity.{}", id.0), value, self.line(severity))
        });
        let ingress = self.file.ingress.iter().map(|meant| {
            let named: Vec<_> =
                meant.get_ref().iter().map(|Meant((kind, name))| format!("{kind}/{name}")).collect();
            ("ingress".to_owned(), named.join(", "), self.line(meant))
        });
        ingress.chain(weights).chain(severity).collect()
    }

    fn waiver(&self, entry: &Spanned<Entry>, today: Date) -> Waiver {
        let line = self.line(entry);
        let Entry { requirement, scope, owner, reason, expires } = entry.get_ref().clone();
        Waiver {
            requirement: requirement.0,
            scope,
            owner,
            reason,
            expired: expires < today,
            expires: expires.to_string(),
            line,
        }
    }
}

// === impl Severity ===

impl Severity {
    const fn enforcement(self) -> Enforcement {
        match self {
            Self::Warns => Enforcement::Warns,
            Self::Blocks => Enforcement::Blocks,
        }
    }
}

// === impl Id ===

impl Id {
    fn requirement(&self) -> Option<&'static Requirement> {
        catalogue::ALL.iter().copied().find(|requirement| requirement.id == self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let ids = catalogue::ALL.iter().map(|requirement| requirement.id);
        let near = ids.min_by_key(|id| strsim::damerau_levenshtein(id, &text));
        match near {
            Some(id) if id == text => Ok(Self(id)),
            Some(id) if strsim::damerau_levenshtein(id, &text) <= SLIPS => {
                Err(D::Error::custom(format!("there is no requirement {text:?}; did you mean {id:?}?")))
            }
            _ => Err(D::Error::custom(format!(
                "there is no requirement {text:?}; `controller requirements` lists them"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            weight @ 1..=100 => Ok(Self(u8::try_from(weight).unwrap_or(100))),
            other => Err(D::Error::invalid_value(Unexpected::Signed(other), &"a weight from 1 to 100")),
        }
    }
}

fn meant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(String, String), D::Error> {
    kind_and_name(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn waivable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    let id = Id::deserialize(deserializer)?;
    if id.requirement().is_some_and(|requirement| requirement.class == Class::Regular) {
        return Err(D::Error::custom(format!(
            "{} cannot be waived, because every other finding rests on it",
            id.0
        )));
    }
    Ok(id)
}

fn scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wanted = "everywhere, local, namespace/NAME or pool/NAME";
    Scope::parse(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &wanted))
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(D::Error::invalid_value(Unexpected::Str(&text), &"a text that is not empty"));
    }
    Ok(text)
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let wanted = "a date such as 2027-01-31, without quotation marks and without a time";
    let datetime =
        Datetime::deserialize(deserializer).map_err(|_| D::Error::custom(format!("expected {wanted}")))?;
    let Datetime { date: Some(day), time: None, offset: None } = datetime else {
        return Err(D::Error::custom(format!("expected {wanted}")));
    };
    let number = |part: u8| i8::try_from(part).unwrap_or(0);
    let year = i16::try_from(day.year).unwrap_or(0);
    Date::new(year, number(day.month), number(day.day)).map_err(D::Error::custom)
}

fn mistake(name: &str, text: &str, start: usize, message: String) -> Mistake {
    let (line, column) = place(text, start);
    Mistake { file: name.to_owned(), line, column, message }
}

/// Returns the line and the column of a byte, both counted from 1.
fn place(text: &str, start: usize) -> (usize, usize) {
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests;
