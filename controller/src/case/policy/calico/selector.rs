//! Calico's language of selectors, by its documentation (docs.tigera.io, "Global network policy", "Selectors") and the meaning
//! of its parser (projectcalico, `libcalico-go/lib/selector`).

mod parser;

use std::fmt;

use crate::case::policy::matching::Match;

/// An expression of the language.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expression {
    /// Every pod and every set matches.
    All,
    /// Everything without a namespace matches.
    Global,
    /// The label exists.
    Has(String),
    /// The label's value passes the test.
    Label(String, Test),
    /// The part does not match.
    Not(Box<Self>),
    /// Every part matches.
    And(Vec<Self>),
    /// A part matches.
    Or(Vec<Self>),
}

/// A test of a label's value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// The value is one of these; a missing label fails.
    In(Vec<String>),
    /// The value is none of these; a missing label passes.
    NotIn(Vec<String>),
    /// The value contains the text.
    Contains(String),
    /// The value starts with the text.
    StartsWith(String),
    /// The value ends with the text.
    EndsWith(String),
}

/// The value of a label, the absence of the label, or the reason why neither is known.
pub(super) type Value<'a> = Result<Option<&'a str>, String>;

impl Expression {
    /// Parses a selector; an empty one matches everything.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        parser::parse(text)
    }

    /// Returns the expression of parts that must all match.
    pub(super) fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().filter(|part| *part != Self::All).collect();
        match (parts.len(), parts.pop()) {
            (1, Some(part)) => part,
            (_, None) => Self::All,
            (_, Some(last)) => {
                parts.push(last);
                Self::And(parts)
            }
        }
    }

    /// Returns the expression with other parts in place of `all()` and `global()`, and with a prefix before each label.
    pub(super) fn about(
        self,
        prefix: &str,
        all: &Self,
        global: &Result<Self, String>,
    ) -> Result<Self, String> {
        let within = |part: Self| part.about(prefix, all, global);
        let each = |parts: Vec<Self>| parts.into_iter().map(within).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Self::All => all.clone(),
            Self::Global => global.clone()?,
            Self::Has(label) => Self::Has(format!("{prefix}{label}")),
            Self::Label(label, test) => Self::Label(format!("{prefix}{label}"), test),
            Self::Not(part) => Self::Not(Box::new(within(*part)?)),
            Self::And(parts) => Self::And(each(parts)?),
            Self::Or(parts) => Self::Or(each(parts)?),
        })
    }

    /// Returns the only value that a label may have; `None` if the label may have several values or none.
    pub(in crate::case::policy) fn required(&self, key: &str) -> Option<&str> {
        match self {
            Self::Label(label, Test::In(values)) if label == key => match values.as_slice() {
                [value] => Some(value),
                _ => None,
            },
            Self::And(parts) => parts.iter().find_map(|part| part.required(key)),
            _ => None,
        }
    }

    /// Compares the expression with labels.
    pub(super) fn selects<'a>(&self, labels: &impl Fn(&str) -> Value<'a>) -> Match {
        match self {
            Self::All | Self::Global => Match::Yes,
            Self::Has(label) => holds(labels(label), |value| value.is_some()),
            Self::Label(label, test) => holds(labels(label), |value| test.holds(value)),
            Self::Not(part) => part.selects(labels).not(),
            Self::And(parts) => Match::all(parts.iter().map(|part| part.selects(labels))),
            Self::Or(parts) => Match::any(parts.iter().map(|part| part.selects(labels))),
        }
    }
}

fn holds(value: Value<'_>, test: impl FnOnce(Option<&str>) -> bool) -> Match {
    value.map_or_else(Match::Unknown, |value| test(value).into())
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let has = |test: &dyn Fn(&str) -> bool| value.is_some_and(test);
        match self {
            Self::In(values) => has(&|value| values.iter().any(|it| it == value)),
            Self::NotIn(values) => !has(&|value| values.iter().any(|it| it == value)),
            Self::Contains(text) => has(&|value| value.contains(text)),
            Self::StartsWith(text) => has(&|value| value.starts_with(text)),
            Self::EndsWith(text) => has(&|value| value.ends_with(text)),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Self], operator: &str| {
            parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(operator)
        };
        match self {
            Self::All => formatter.write_str("all()"),
            Self::Global => formatter.write_str("global()"),
            Self::Has(label) => write!(formatter, "has({label})"),
            Self::Label(label, test) => write!(formatter, "{label} {test}"),
            Self::Not(part) => write!(formatter, "!({part})"),
            Self::And(parts) => formatter.write_str(&joined(parts, " && ")),
            Self::Or(parts) => formatter.write_str(&joined(parts, " || ")),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set =
            |values: &[String]| values.iter().map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ");
        match self {
            Self::In(values) if values.len() == 1 => write!(formatter, "== {}", set(values)),
            Self::NotIn(values) if values.len() == 1 => write!(formatter, "!= {}", set(values)),
            Self::In(values) => write!(formatter, "in {{{}}}", set(values)),
            Self::NotIn(values) => write!(formatter, "not in {{{}}}", set(values)),
            Self::Contains(text) => write!(formatter, "contains '{text}'"),
            Self::StartsWith(text) => write!(formatter, "starts with '{text}'"),
            Self::EndsWith(text) => write!(formatter, "ends with '{text}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(key: &str) -> Value<'static> {
        match key {
            "app" => Ok(Some("web-server")),
            "team" => Ok(Some("shop")),
            "in" | "has" => Ok(Some("x")),
            "hidden" => Err("it is hidden".to_owned()),
            _ => Ok(None),
        }
    }

    fn selects(text: &str) -> Match {
        Expression::parse(text).unwrap().selects(&labels)
    }

    #[test]
    fn operators_follow_the_documentation() {
        for (text, expected) in [
            ("", true),
            ("all()", true),
            ("!all()", false),
            ("has(app)", true),
            ("has( other )", false),
            ("!has(other)", true),
            ("team == 'shop'", true),
            ("team == \"tools\"", false),
            ("other == 'shop'", false),
            ("team != 'tools'", true),
            ("other != 'shop'", true),
            ("team in {'shop', 'tools'}", true),
            ("team in {}", false),
            ("team not in { \"shop\" }", false),
            ("team notin {'tools'}", true),
            ("other not in {'shop'}", true),
            ("app contains 'serv'", true),
            ("other contains 'serv'", false),
            ("app starts with 'web'", true),
            ("app startswith 'server'", false),
            ("app ends with 'server'", true),
            ("team == 'shop' && has(other)", false),
            ("team == 'shop' || has(other)", true),
            ("has(other) && has(other) || has(app)", true),
            ("has(app) || has(other) && has(other)", true),
            ("(has(app) || has(other)) && has(other)", false),
            ("!(has(app) && has(other))", true),
            ("!!has(app)", true),
            ("in in {'x'} && has == 'x'", true),
            ("projectcalico.org/name != 'a.b/c-d'", true),
        ] {
            assert_eq!(selects(text), expected.into(), "{text}");
        }
    }

    #[test]
    fn an_unknown_label_decides_only_where_no_other_part_does() {
        assert!(matches!(selects("hidden == 'x'"), Match::Unknown(_)));
        assert!(matches!(selects("!has(hidden) && has(app)"), Match::Unknown(_)));
        assert_eq!(selects("has(hidden) && has(other)"), Match::No);
        assert_eq!(selects("has(hidden) || has(app)"), Match::Yes);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "app",
            "app =",
            "app = 'x'",
            "app == x",
            "app == 'x",
            "app in 'x'",
            "app in {'x'",
            "(has(app)",
            "has(app))",
            "has(app) &&",
            "has(app) & has(team)",
            "has()",
            "!",
            "!= 'x'",
            "app inside {'x'}",
            "has(app)\n",
            "app =~ 'x'",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
        let deep = "(".repeat(100_000);
        assert!(Expression::parse(&deep).is_err());
        assert!(Expression::parse(&"!".repeat(100_001)).is_err());
    }

    #[test]
    fn an_expression_is_written_as_it_is_parsed() {
        let text = "(team in {'a', 'b'}) && ((has(app)) || (!(other ends with 'x')))";
        let expression = Expression::parse(text).unwrap();
        assert_eq!(Expression::parse(&expression.to_string()).unwrap(), expression);
    }
}
