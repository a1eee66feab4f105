//! Selectors of lists and watches: by labels and by fields.

use serde_json::Value;

/// The selectors of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<(String, Option<String>)>,
    fields: Vec<(String, String)>,
}

impl Selector {
    /// Reads the selectors `KEY`, `KEY=VALUE` and `FIELD=VALUE`, which are all that the product uses.
    pub(crate) fn of(labels: &str, fields: &str) -> Self {
        let parts = |text: &str| {
            let parts = text.split(',').filter(|part| !part.is_empty());
            parts
                .map(|part| match part.split_once('=') {
                    Some((key, value)) => (key.to_owned(), Some(value.trim_start_matches('=').to_owned())),
                    None => (part.to_owned(), None),
                })
                .collect::<Vec<_>>()
        };
        let fields = parts(fields).into_iter().map(|(key, value)| (key, value.unwrap_or_default()));
        Self { labels: parts(labels), fields: fields.collect() }
    }

    pub(crate) fn selects(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let labelled = self.labels.iter().all(|(key, value)| match value {
            Some(value) => labels[key] == **value,
            None => labels.get(key).is_some(),
        });
        let field = |path: &str| object.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
        labelled && self.fields.iter().all(|(path, value)| field(path) == Some(Value::from(value.as_str())))
    }
}

#[test]
fn a_selector_needs_every_part() {
    let object = serde_json::json!({ "metadata": { "name": "a", "labels": { "run": "1" } } });
    assert!(Selector::of("run=1", "metadata.name=a").selects(&object));
    assert!(!Selector::of("run", "metadata.name=b").selects(&object));
    assert!(!Selector::of("run=2", "").selects(&object));
}
