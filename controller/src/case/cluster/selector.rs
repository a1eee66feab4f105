//! Label selectors, as the API server evaluates them (apimachinery, `pkg/labels/selector.go`).

use std::collections::BTreeMap;

/// Labels by their keys.
pub type Labels = BTreeMap<String, String>;

/// A label selector; an empty selector matches everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selector {
    /// Keys that must have these values.
    pub equals: Labels,
    /// Further expressions that must hold.
    pub requirements: Vec<Requirement>,
}

/// One expression of a selector.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// The operator: `In`, `NotIn`, `Exists` or `DoesNotExist`; for nodes also `Gt` and `Lt`.
    pub operator: String,
    /// The values for the operator.
    pub values: Vec<String>,
}

impl Selector {
    /// Returns true if the selector matches these labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.equals.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.requirements.iter().all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    /// Returns true if the expression holds for these labels. An unknown operator never holds.
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => self.compares(value, i64::gt),
            "Lt" => self.compares(value, i64::lt),
            _ => false,
        }
    }

    fn compares(&self, value: Option<&String>, compare: fn(&i64, &i64) -> bool) -> bool {
        let number = |text: &String| text.parse::<i64>().ok();
        match (value.and_then(number), self.values.first().and_then(number)) {
            (Some(value), Some(bound)) => compare(&value, &bound),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_follow_the_api_server() {
        let labels = Labels::from([("app".to_owned(), "web".to_owned()), ("age".to_owned(), "7".to_owned())]);
        for (key, operator, values, holds) in [
            ("app", "In", &["web", "api"][..], true),
            ("app", "In", &["api"], false),
            ("tier", "In", &["web"], false),
            ("app", "NotIn", &["api"], true),
            ("tier", "NotIn", &["web"], true),
            ("app", "NotIn", &["web"], false),
            ("app", "Exists", &[], true),
            ("tier", "Exists", &[], false),
            ("tier", "DoesNotExist", &[], true),
            ("app", "DoesNotExist", &[], false),
            ("age", "Gt", &["6"], true),
            ("age", "Lt", &["7"], false),
            ("app", "Gt", &["6"], false),
            ("app", "Resembles", &["web"], false),
        ] {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            let requirement = Requirement { key: key.into(), operator: operator.into(), values };
            assert_eq!(requirement.holds(&labels), holds, "{requirement:?}");
        }
    }

    #[test]
    fn an_empty_selector_selects_everything() {
        assert!(Selector::default().selects(&Labels::new()));
        let web = Selector { equals: Labels::from([("app".into(), "web".into())]), ..Selector::default() };
        assert!(!web.selects(&Labels::new()));
    }
}
