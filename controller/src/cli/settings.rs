//! A setting by flag, variable, policy file or default, the first of these that has it.

use toml::Spanned;

use super::policy::{Refused, Sources};

/// A value, and what said so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    pub(super) source: String,
}

/// The names of a setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) flag: &'static str,
    pub(super) variable: &'static str,
}

impl Sources {
    /// `file` takes the setting's text out of the policy file; `parse` reads a text as the flag does.
    pub(super) fn setting<T>(
        &self,
        Names { flag, variable }: Names,
        given: Option<T>,
        file: Option<Spanned<String>>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: T,
    ) -> Result<Setting<T>, Refused> {
        if let Some(value) = given {
            return Ok(Setting { value, source: flag.to_owned() });
        }
        if let Some(text) = super::policy::variable(variable).filter(|text| !text.is_empty()) {
            let value = parse(&text).map_err(|why| Refused::Variable { variable, text, why })?;
            return Ok(Setting { value, source: variable.to_owned() });
        }
        if let (Some(text), Some((name, read))) = (file, &self.file) {
            let value = parse(text.get_ref()).map_err(|why| read.mistaken(&text, why))?;
            return Ok(Setting { value, source: format!("{name}, line {}", read.line(&text)) });
        }
        Ok(Setting { value: default, source: "default".to_owned() })
    }
}
