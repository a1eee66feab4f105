//! Parts that objects of several kinds share. A field that this module does not know makes its part unread, because the
//! field may change the part's meaning.

use serde_json::Value;

use super::block::Block;
use crate::case::cluster::{Labels, Requirement, Selector};

/// The operators of label selectors (apimachinery, `LabelSelectorOperator`).
const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

/// Returns an error that names the first field that is not known.
pub(super) fn only(value: &Value, known: &[&str]) -> Result<(), String> {
    let unknown =
        value.as_object().and_then(|fields| fields.keys().find(|key| !known.contains(&key.as_str())));
    unknown.map_or(Ok(()), |key| Err(format!("the field {key} is not known")))
}

/// Reads a text of an object's field.
pub(super) fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{value} is no text"))
}

/// Reads a label selector (`meta/v1`, `LabelSelector`).
pub(super) fn selector(value: &Value) -> Result<Selector, String> {
    only(value, &["matchLabels", "matchExpressions"])?;
    let labels = value["matchLabels"].as_object().into_iter().flatten();
    let equals = labels.map(|(key, value)| Ok((key.clone(), text(value)?)));
    let expressions = value["matchExpressions"].as_array().into_iter().flatten();
    Ok(Selector {
        equals: equals.collect::<Result<Labels, String>>()?,
        requirements: expressions.map(requirement).collect::<Result<_, _>>()?,
    })
}

fn requirement(value: &Value) -> Result<Requirement, String> {
    only(value, &["key", "operator", "values"])?;
    let operator = text(&value["operator"])?;
    if !OPERATORS.contains(&operator.as_str()) {
        return Err(format!("the operator {operator} is not known"));
    }
    let values = value["values"].as_array().into_iter().flatten().map(text);
    Ok(Requirement { key: text(&value["key"])?, operator, values: values.collect::<Result<_, _>>()? })
}

/// Reads a block of addresses.
pub(super) fn block(value: &Value) -> Result<Block, String> {
    let text = text(value)?;
    Block::parse(&text).ok_or_else(|| format!("{text} is no block of addresses"))
}

/// Reads the number of a port.
pub(super) fn port(value: &Value) -> Result<u16, String> {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| format!("{value} is no port"))
}

/// Reads a list; `None` if the field is absent.
pub(super) fn list(value: &Value) -> Result<Option<&Vec<Value>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Array(list) => Ok(Some(list)),
        other => Err(format!("{other} is no list")),
    }
}
