//! The roles as YAML, with the purpose above every rule.

use std::{fmt::Write, slice};

use super::{ALL, LIVE, Permission, Place, STARTUP_TAINT, WATCH};
use crate::{
    run::cluster::lease,
    support::{digest::sha256, names::PRODUCT},
};

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

/// The longest name that is printed as it is. The API server takes names of 253 characters (kubernetes.io, "Object Names and IDs"),
/// and each role adds some to it.
const LONGEST_NAME: usize = 200;

/// Permissions whose roles are documents of their own, so that roles without them take nothing away.
struct Part {
    /// The end of the names of its roles.
    suffix: &'static str,
    permissions: &'static [Permission],
}

/// Returns the roles for a namespace and its control namespace, and with a subject also the bindings. Each name has the judged namespace
/// and the account, so that the roles of others stay as they are.
pub fn roles(
    namespace: &str,
    control: Option<&str>,
    Extent { cluster, live, watch, startup_taint }: Extent<'_>,
    subject: Option<&Subject>,
) -> String {
    let name = name(namespace, subject);
    let mut parts = vec![Part { suffix: "", permissions: ALL }];
    parts.extend(live.then_some(Part { suffix: ":live", permissions: slice::from_ref(&LIVE) }));
    parts.extend(watch.map(|_| Part { suffix: ":watch", permissions: WATCH }));
    parts.extend(startup_taint.then_some(Part { suffix: ":remove-taint", permissions: STARTUP_TAINT }));
    let documents = parts.iter().flat_map(|part| {
        let role = |kind, place: &str, namespace: Option<&str>, here: &dyn Fn(Place) -> bool| {
            let permissions = part.permissions.iter().filter(|permission| here(permission.place));
            role(kind, &format!("{name}{place}{}", part.suffix), namespace, permissions)
        };
        let mut documents =
            vec![role("Role", "", Some(namespace), &|place| matches!(place, Place::Namespace | Place::Both))];
        if let Some(control) = control.filter(|control| *control != namespace) {
            documents.push(role("Role", ":control", Some(control), &|place| place == Place::Both));
        }
        if cluster {
            documents.push(role("ClusterRole", "", None, &|place| place == Place::Cluster));
            for other in ["kube-system", "default"] {
                documents.push(role("Role", ":cluster", Some(other), &|place| place == Place::Of(other)));
            }
        }
        documents.into_iter().flatten()
    });
    let mut documents: Vec<_> = documents.collect();
    documents.extend(watch.map(|keeper| of_the_watch(&name, keeper, namespace)));
    if let Some(subject) = subject {
        let bindings: Vec<_> = documents.iter().map(|document| binding(document, subject)).collect();
        documents.extend(bindings);
    }
    documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
}

/// Returns the name that all roles begin with. No name of a namespace or an account has a colon, so that no two pairs have one name.
fn name(namespace: &str, subject: Option<&Subject>) -> String {
    let account = subject.map(|subject| [subject.namespace.as_str(), &subject.name]);
    let words: Vec<_> = [PRODUCT, namespace].into_iter().chain(account.into_iter().flatten()).collect();
    let name = words.join(":");
    if name.len() > LONGEST_NAME { format!("{PRODUCT}:{}", sha256(name.as_bytes())) } else { name }
}

struct Document {
    kind: &'static str,
    name: String,
    namespace: Option<String>,
    text: String,
}

/// Returns a role; `None` without a permission.
fn role(
    kind: &'static str,
    name: &str,
    namespace: Option<&str>,
    permissions: impl Iterator<Item = &'static Permission>,
) -> Option<Document> {
    let mut permissions = permissions.peekable();
    permissions.peek()?;
    let mut text = head(kind, name, namespace);
    text.push_str("rules:\n");
    for permission in permissions {
        rule(&mut text, permission);
    }
    Some(Document { kind, name: name.to_owned(), namespace: namespace.map(str::to_owned), text })
}

/// Returns the role for the Lease of a watch and the events of its proof. RBAC cannot limit a creation to one name.
fn of_the_watch(name: &str, keeper: &str, judged: &str) -> Document {
    let (name, lease) = (format!("{name}:lease"), lease::name(judged));
    let mut text = head("Role", &name, Some(keeper));
    _ = write!(
        text,
        "rules:\n  # To let one replica of `controller watch` act.\n  # Without it: the command ends with exit code 4.\n  \
         - apiGroups: [\"coordination.k8s.io\"]\n    resources: [\"leases\"]\n    verbs: [\"create\"]\n  \
         - apiGroups: [\"coordination.k8s.io\"]\n    resources: [\"leases\"]\n    resourceNames: [\"{lease}\"]\n    \
         verbs: [\"get\", \"list\", \"update\", \"watch\"]\n  # To record an event for each change of the verdict.\n  # Without it: \
         such an event is missing.\n  - apiGroups: [\"events.k8s.io\"]\n    resources: [\"events\"]\n    \
         verbs: [\"create\", \"patch\"]\n"
    );
    Document { kind: "Role", name, namespace: Some(keeper.to_owned()), text }
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::run::cluster::permission::all;

    fn subject(namespace: &str, name: &str) -> Subject {
        Subject { namespace: namespace.into(), name: name.into() }
    }

    /// Returns the kind, the namespace and the name of each printed object.
    fn printed(
        namespace: &str,
        control: &str,
        extent: Extent<'_>,
        account: &Subject,
    ) -> BTreeSet<[String; 3]> {
        let text = roles(namespace, Some(control), extent, Some(account));
        let value = |document: &str, key: &str| {
            let line = document.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        let object = |document: &str| ["kind:", "  namespace:", "  name:"].map(|key| value(document, key));
        let objects: Vec<_> = text.split("---\n").map(object).collect();
        let distinct: BTreeSet<_> = objects.iter().cloned().collect();
        assert_eq!(distinct.len(), objects.len(), "{objects:#?}");
        distinct
    }

    const EVERYTHING: Extent<'_> =
        Extent { cluster: true, live: true, watch: Some("podproof"), startup_taint: true };

    #[test]
    fn no_account_and_no_namespace_has_the_roles_of_another() {
        let gate = subject("podproof", "gate");
        let first = printed("shop", "podproof", EVERYTHING, &gate);
        for (namespace, account) in
            [("shop", subject("podproof", "ci")), ("shop", subject("ci", "gate")), ("blog", gate)]
        {
            let other = printed(namespace, "podproof", EVERYTHING, &account);
            assert!(first.is_disjoint(&other), "{namespace} {account:?}: {other:#?}");
        }
    }

    #[test]
    fn a_namespace_of_the_cluster_has_roles_under_names_of_their_own() {
        for (namespace, control) in [("default", "kube-system"), ("kube-system", "default")] {
            assert!(!printed(namespace, control, EVERYTHING, &subject("ci", "gate")).is_empty());
        }
    }

    #[test]
    fn a_flag_adds_roles_and_changes_none() {
        let text = |extent| {
            let text = roles("shop", Some("podproof"), extent, Some(&subject("ci", "gate")));
            text.split("---\n").map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let all = text(EVERYTHING);
        let only = Extent { cluster: true, ..Extent::default() };
        for extent in [
            only,
            Extent { live: true, ..only },
            Extent { watch: EVERYTHING.watch, ..only },
            Extent { watch: EVERYTHING.watch, startup_taint: true, ..only },
        ] {
            let fewer = text(extent);
            assert!(fewer.is_subset(&all) && fewer.len() < all.len(), "{extent:?}");
        }
    }

    #[test]
    fn a_long_name_is_a_digest() {
        let long = subject(&"a".repeat(63), &"b".repeat(253));
        assert_eq!(name(&"c".repeat(63), Some(&long)).len(), "podproof:".len() + 64);
        assert_ne!(name("shop", Some(&long)), name("blog", Some(&long)));
        assert_eq!(name("shop", Some(&subject("ci", "gate"))), "podproof:shop:ci:gate");
    }

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
