//! The roles as YAML, with the purpose above every rule.

use std::fmt::Write;

use super::{Permission, Place, STARTUP_TAINT, WATCH, all};
use crate::{run::cluster::lease, support::names::PRODUCT};

/// The service account to which a role is bound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// The service account's namespace.
    pub namespace: String,
    /// The service account's name.
    pub name: String,
}

/// The extent of the printed roles.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extent<'a> {
    /// True for the roles for objects of the whole cluster, too.
    pub cluster: bool,
    /// True for the permission of a run with `--live`, too.
    pub live: bool,
    /// The namespace of the proof and the Lease, for the permissions of `controller watch`, too.
    pub watch: Option<&'a str>,
    /// True for the permission of `controller watch --remove-taint`, too.
    pub startup_taint: bool,
}

/// Returns the roles for a namespace and its control namespace, and with a subject also the bindings.
pub fn roles(
    namespace: &str,
    control: Option<&str>,
    Extent { cluster, live, watch, startup_taint }: Extent<'_>,
    subject: Option<&Subject>,
) -> String {
    let role = |kind, name: &str, namespace: Option<&str>, here: &dyn Fn(Place) -> bool| {
        let watched = watch.map(|_| WATCH).unwrap_or_default();
        let tainted = if startup_taint { STARTUP_TAINT } else { Default::default() };
        let permissions = all(live).chain(watched).chain(tainted);
        role(kind, name, namespace, permissions.filter(|permission| here(permission.place)))
    };
    let mut documents = vec![role("Role", PRODUCT, Some(namespace), &|place| {
        matches!(place, Place::Namespace | Place::Both)
    })];
    if let Some(control) = control.filter(|control| *control != namespace) {
        documents.push(role("Role", "podproof-control", Some(control), &|place| place == Place::Both));
    }
    if cluster {
        documents.push(role("ClusterRole", PRODUCT, None, &|place| place == Place::Cluster));
        for other in ["kube-system", "default"] {
            documents.push(role("Role", PRODUCT, Some(other), &|place| place == Place::Of(other)));
        }
    }
    documents.extend(watch.map(|keeper| of_the_watch(keeper, namespace)));
    if let Some(subject) = subject {
        let bindings: Vec<_> = documents.iter().map(|document| binding(document, subject)).collect();
        documents.extend(bindings);
    }
    documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
}

struct Document {
    kind: &'static str,
    name: String,
    namespace: Option<String>,
    text: String,
}

fn role(
    kind: &'static str,
    name: &str,
    namespace: Option<&str>,
    permissions: impl Iterator<Item = &'static Permission>,
) -> Document {
    let mut text = head(kind, name, namespace);
    text.push_str("rules:\n");
    for permission in permissions {
        rule(&mut text, permission);
    }
    Document { kind, name: name.to_owned(), namespace: namespace.map(str::to_owned), text }
}

/// Returns the role for the Lease of a watch and the events of its proof. RBAC cannot limit a creation to one name.
fn of_the_watch(keeper: &str, judged: &str) -> Document {
    let lease = lease::name(judged);
    let mut text = head("Role", &lease, Some(keeper));
    _ = write!(
        text,
        "rules:\n  # To let one replica of `controller watch` act.\n  # Without it: the command ends with exit code 4.\n  \
         - apiGroups: [\"coordination.k8s.io\"]\n    resources: [\"leases\"]\n    verbs: [\"create\"]\n  \
         - apiGroups: [\"coordination.k8s.io\"]\n    resources: [\"leases\"]\n    resourceNames: [\"{lease}\"]\n    \
         verbs: [\"get\", \"list\", \"update\", \"watch\"]\n  # To record an event for each change of the verdict.\n  # Without it: \
         such an event is missing.\n  - apiGroups: [\"events.k8s.io\"]\n    resources: [\"events\"]\n    \
         verbs: [\"create\", \"patch\"]\n"
    );
    Document { kind: "Role", name: lease, namespace: Some(keeper.to_owned()), text }
}

fn rule(text: &mut String, permission: &Permission) {
    let Permission { group, resource, verbs, purpose, without, .. } = permission;
    let verbs = verbs.iter().map(|verb| format!("\"{verb}\"")).collect::<Vec<_>>().join(", ");
    // Writing to a string does not fail.
    _ = write!(
        text,
        "  # To {purpose}.\n  # Without it: {}.\n  - apiGroups: [\"{group}\"]\n    resources: [\"{resource}\"]\n    verbs: [{verbs}]\n",
        without.words()
    );
}

fn binding(role: &Document, subject: &Subject) -> Document {
    let kind = if role.kind == "Role" { "RoleBinding" } else { "ClusterRoleBinding" };
    let mut text = head(kind, &role.name, role.namespace.as_deref());
    _ = write!(
        text,
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {}\n  name: {}\nsubjects:\n  - kind: ServiceAccount\n    \
         namespace: {}\n    name: {}\n",
        role.kind, role.name, subject.namespace, subject.name
    );
    Document { kind, name: role.name.clone(), namespace: role.namespace.clone(), text }
}

fn head(kind: &str, name: &str, namespace: Option<&str>) -> String {
    let namespace = namespace.map(|namespace| format!("  namespace: {namespace}\n")).unwrap_or_default();
    format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_in_a_role_with_its_purpose() {
        let text =
            roles("shop", Some("podproof"), Extent { cluster: true, live: true, ..Extent::default() }, None);
        for permission in all(true) {
            assert!(text.contains(permission.purpose), "{permission:?}");
            assert!(text.contains(&permission.without.words()), "{permission:?}");
        }
    }

    #[test]
    fn only_a_run_with_live_may_change_a_running_pod() {
        let patch = |live| {
            roles("shop", Some("podproof"), Extent { cluster: true, live, ..Extent::default() }, None)
                .matches("pods/ephemeralcontainers")
                .count()
        };
        assert_eq!((patch(false), patch(true)), (0, 1));
    }

    #[test]
    fn a_watch_is_granted_only_when_asked() {
        let text = |watch| {
            roles("shop", Some("podproof"), Extent { cluster: true, watch, ..Extent::default() }, None)
        };
        let (without, with) = (text(None), text(Some("proofs")));
        assert!(with.len() > without.len() && !without.contains("leases"));
        for permission in WATCH {
            assert!(with.contains(permission.purpose), "{permission:?}");
        }
        assert!(with.contains("resourceNames: [\"podproof-watch-shop\"]"), "{with}");
    }

    #[test]
    fn nodes_may_be_changed_only_when_asked() {
        let text = |startup_taint| {
            let extent = Extent { cluster: true, watch: Some("proofs"), startup_taint, ..Extent::default() };
            roles("shop", Some("podproof"), extent, None)
        };
        let changes =
            |text: &str| text.matches("resources: [\"nodes\"]\n    verbs: [\"get\", \"patch\"]").count();
        assert_eq!((changes(&text(false)), changes(&text(true))), (0, 1));
    }

    #[test]
    fn roles_reach_other_namespaces_only_when_asked() {
        let text = roles("shop", None, Extent::default(), None);
        assert!(
            text.contains("namespace: shop")
                && !text.contains("ClusterRole")
                && !text.contains("kube-system")
        );
        let subject = Subject { namespace: "ci".into(), name: "gate".into() };
        let text =
            roles("shop", Some("podproof"), Extent { cluster: true, ..Extent::default() }, Some(&subject));
        assert_eq!(text.matches("kind: ServiceAccount").count(), 5);
    }
}
