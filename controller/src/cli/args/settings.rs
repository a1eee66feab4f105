//! A setting by flag, variable, policy file or default; the first of these that has a value counts.

use super::policy::{PolicyRefused, Sources, variable};
use crate::judge::policy::file::{Mistake, Read};

/// A value and its source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Setting<T> {
    pub(in crate::cli) value: T,
    pub(in crate::cli) source: String,
}

/// The names of a setting's flag and variable.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Names {
    pub(in crate::cli) flag: &'static str,
    pub(in crate::cli) variable: &'static str,
}

/// A setting's value in the policy file, with the line number; `None` if the file has no value.
pub(in crate::cli) type InFile<T> = Option<Result<(T, usize), Mistake>>;

impl Sources {
    /// Returns a setting with its source. `parse` parses the variable's text, and `file` looks the setting up in the
    /// policy file.
    pub(in crate::cli) fn setting<T>(
        &self,
        names: Names,
        given: Option<T>,
        parse: impl Fn(&str) -> Result<T, String>,
        file: impl Fn(&Read) -> InFile<T>,
        default: T,
    ) -> Result<Setting<T>, PolicyRefused> {
        if let Some(value) = given {
            return Ok(Setting { value, source: names.flag.to_owned() });
        }
        if let Some(text) = variable(names.variable).filter(|text| !text.is_empty()) {
            let refused = |why| PolicyRefused::Variable { variable: names.variable, text: text.clone(), why };
            return Ok(Setting { value: parse(&text).map_err(refused)?, source: names.variable.to_owned() });
        }
        let found = self.file.as_ref().and_then(|(name, read)| Some((name, file(read)?)));
        let Some((name, found)) = found else {
            return Ok(Setting { value: default, source: "default".to_owned() });
        };
        let (value, line) = found?;
        Ok(Setting { value, source: format!("{name}, line {line}") })
    }
}

/// Parses the comma-separated list of a variable.
pub(in crate::cli) fn listed<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    text.split(',').map(|item| parse(item.trim())).collect()
}
