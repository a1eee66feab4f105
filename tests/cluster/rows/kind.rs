//! Kinds that Kubernetes does not define, for the time of a row.

use serde_json::{Value, json};
use stage::{Cluster, cluster::Loan};

use crate::makers;

/// A kind, served in version v1.
pub(super) struct Kind {
    name: &'static str,
    plural: &'static str,
    group: &'static str,
    scope: &'static str,
    /// Set when the schema describes nothing.
    opaque: bool,
    /// The field of `spec` in which the schema describes a pod template.
    template: &'static str,
}

impl Kind {
    /// Returns a kind of a namespace whose schema describes a pod template.
    pub(super) const fn described(name: &'static str, plural: &'static str, group: &'static str) -> Self {
        Self { name, plural, group, scope: "Namespaced", opaque: false, template: "podTemplate" }
    }

    /// Returns a kind of a namespace whose schema describes nothing.
    pub(super) const fn opaque(name: &'static str, plural: &'static str, group: &'static str) -> Self {
        Self { opaque: true, ..Self::described(name, plural, group) }
    }

    /// Returns the same kind, of the whole cluster.
    pub(super) const fn of_the_cluster(self) -> Self {
        Self { scope: "Cluster", ..self }
    }

    /// Returns the same kind, with its pod template in this field of `spec`.
    pub(super) const fn templates(self, template: &'static str) -> Self {
        Self { template, ..self }
    }

    /// Lends the kind, and waits until the cluster serves it.
    pub(super) fn lend<'a>(&self, cluster: &'a Cluster) -> Loan<'a> {
        let Self { name: kind, plural, group, scope, opaque, template: field } = self;
        let containers = json!({ "type": "array", "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
        let spec = json!({
            "type": "object",
            "properties": { "containers": containers },
            "x-kubernetes-preserve-unknown-fields": true,
        });
        let template = json!({
            "type": "object",
            "properties": { "metadata": { "type": "object", "x-kubernetes-preserve-unknown-fields": true }, "spec": spec },
        });
        let described = json!({
            "type": "object",
            "properties": { "spec": {
                "type": "object",
                "properties": { *field: template },
                "x-kubernetes-preserve-unknown-fields": true,
            } },
        });
        let nothing = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let name = format!("{plural}.{group}");
        let schema = if *opaque { nothing } else { described };
        let loan = cluster.lend(makers::definition((group, kind, plural), scope, &schema));
        cluster.ask(&["wait", "--for=condition=Established", "--timeout=60s", &format!("crd/{name}")]);
        cluster.until("its API", || cluster.kubectl(&["get", &name, "--all-namespaces"]).status.success());
        loan
    }

    /// Returns the name by which `kubectl` knows the kind.
    pub(super) fn resource(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Returns an object of the kind.
    pub(super) fn object(&self, name: &str, spec: &Value) -> Value {
        json!({
            "apiVersion": format!("{}/v1", self.group),
            "kind": self.name,
            "metadata": { "name": name },
            "spec": spec,
        })
    }
}
