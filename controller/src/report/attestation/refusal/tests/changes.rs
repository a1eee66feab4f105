//! The changes of a document: each in one place, and each the same in every run.

use serde_json::{Value, json};

/// A document that differs from another one in one place.
pub(super) struct Change {
    /// The kind of the change.
    pub(super) kind: Kind,
    /// The JSON pointer of the place.
    pub(super) at: String,
    pub(super) document: Value,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Another text in the place of a text.
    Text,
    /// A value of another kind.
    Value,
    /// A key that is gone.
    Without,
    /// One key more.
    More,
    /// A list with other elements.
    List,
}

/// Returns all changes of a document.
pub(super) fn of(document: &Value) -> Vec<Change> {
    let mut places = Vec::new();
    find(document, "", &mut places);
    let mut changes = Vec::new();
    for at in places {
        let old = document.pointer(&at).unwrap();
        for (kind, new) in replacements(old) {
            if *old != new {
                let mut document = document.clone();
                *document.pointer_mut(&at).unwrap() = new;
                changes.push(Change { kind, at: at.clone(), document });
            }
        }
        if let Some((parent, key)) = at.rsplit_once('/') {
            let mut document = document.clone();
            let key = key.replace("~1", "/").replace("~0", "~");
            if let Value::Object(object) = document.pointer_mut(parent).unwrap() {
                object.remove(&key).unwrap();
                changes.push(Change { kind: Kind::Without, at: at.clone(), document });
            }
        }
    }
    changes
}

/// Lists the pointer of every value.
fn find(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                find(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(array) => {
            for (place, value) in array.iter().enumerate() {
                find(value, &format!("{at}/{place}"), found);
            }
        }
        _ => (),
    }
}

fn replacements(old: &Value) -> Vec<(Kind, Value)> {
    let others = [json!("other"), json!(7), json!(true), json!(false), json!(null), json!([]), json!({})];
    let mut new: Vec<_> = others
        .into_iter()
        .map(|value| {
            let kind = if old.is_string() && value.is_string() {
                Kind::Text
            } else if old.is_array() && value.is_array() {
                Kind::List
            } else {
                Kind::Value
            };
            (kind, value)
        })
        .collect();
    match old {
        Value::String(text) => {
            new.push((Kind::Text, format!("{text} ").into()));
            if let Some(first) = text.chars().next() {
                let next = char::from_u32(u32::from(first) + 1).unwrap();
                let cut = &text[first.len_utf8()..];
                new.extend([format!("{next}{cut}"), cut.to_owned()].map(|text| (Kind::Text, text.into())));
            }
        }
        Value::Array(array) => {
            let (mut twice, mut back) = (array.clone(), array.clone());
            twice.extend(array.last().cloned());
            back.reverse();
            new.extend([(Kind::List, twice.into()), (Kind::List, back.into())]);
        }
        Value::Object(object) => {
            let mut more = object.clone();
            more.insert("more".to_owned(), json!("other"));
            new.push((Kind::More, more.into()));
        }
        _ => (),
    }
    new
}
