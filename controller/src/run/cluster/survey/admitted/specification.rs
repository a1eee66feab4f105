//! Fields of the specification that admission gives every pod of a template, such as a RuntimeClass or a security context. The
//! pods themselves are judged as they are; their template is judged with the same fields.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde_json::{Value, json};

use super::{claims, has_created};

/// Fields of a pod that requirements judge and that policies of admission fill in. A refused token is not among them: the API server
/// mounts it before such a policy runs (kubernetes, `pkg/kubeapiserver/options/plugins.go`).
const OF_A_POD: &[&[&str]] = &[
    &["runtimeClassName"],
    &["securityContext", "runAsNonRoot"],
    &["securityContext", "runAsUser"],
    &["securityContext", "seccompProfile", "type"],
];

/// The same of each container.
const OF_A_CONTAINER: &[&[&str]] = &[
    &["securityContext", "allowPrivilegeEscalation"],
    &["securityContext", "capabilities", "drop"],
    &["securityContext", "readOnlyRootFilesystem"],
    &["securityContext", "runAsNonRoot"],
    &["securityContext", "runAsUser"],
    &["securityContext", "seccompProfile", "type"],
    &["resources", "limits", "cpu"],
    &["resources", "limits", "memory"],
    &["resources", "limits", "ephemeral-storage"],
];

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// A field of a pod's specification.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Field {
    /// The list and the name of its container; `None` for a field of the pod.
    container: Option<(&'static str, String)>,
    path: &'static [&'static str],
}

/// Fields with their values, as JSON.
pub(super) type Fields = BTreeMap<Field, String>;

/// The fields of one pod, by their origin.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Origins {
    /// Those that the pod was created with.
    created_with: Fields,
    /// Those that nobody claims.
    unclaimed: Fields,
}

// === impl Origins ===

impl Origins {
    pub(super) fn of(pod: &Pod) -> Self {
        let entries = pod.metadata.managed_fields.as_deref().unwrap_or_default();
        let all = serde_json::to_value(&pod.spec).map(|whole| fields(&whole)).unwrap_or_default();
        let (mut created_with, mut unclaimed) = (Fields::new(), Fields::new());
        for (field, value) in all {
            let claim = field.claim();
            let claim: Vec<_> = claim.iter().map(String::as_str).collect();
            let mut claimed = entries.iter().filter(|entry| claims(entry, &claim)).peekable();
            if claimed.peek().is_none() {
                unclaimed.insert(field, value);
            } else if claimed.any(has_created) {
                created_with.insert(field, value);
            }
        }
        Self { created_with, unclaimed }
    }
}

/// Returns the fields that admission gave every one of the pods with the same value, and that the template lacks. `None` if a pod
/// was created with other values than the template's, as one of an earlier revision is.
pub(super) fn by_admission<'a>(
    template: &PodSpec,
    pods: impl IntoIterator<Item = &'a Origins>,
) -> Option<Fields> {
    let template = fields(&serde_json::to_value(template).ok()?);
    let mut shared: Option<Fields> = None;
    for Origins { created_with, unclaimed } in pods {
        if *created_with != template {
            return None;
        }
        match &mut shared {
            None => shared = Some(unclaimed.clone()),
            Some(shared) => shared.retain(|field, value| unclaimed.get(field) == Some(value)),
        }
    }
    shared
}

/// Returns the template with the fields that it lacks.
pub(super) fn with(template: PodSpec, given: &Fields) -> PodSpec {
    if given.is_empty() {
        return template;
    }
    let Ok(mut whole) = serde_json::to_value(&template) else { return template };
    for (field, value) in given {
        if let (Some(place), Ok(value)) = (field.place(&mut whole), serde_json::from_str(value)) {
            *place = value;
        }
    }
    serde_json::from_value(whole).unwrap_or(template)
}

/// Returns the fields that a specification has.
fn fields(specification: &Value) -> Fields {
    let of_pod = OF_A_POD.iter().map(|&path| Field { container: None, path });
    let names = |list: &'static str| {
        let containers = specification.get(list).and_then(Value::as_array).into_iter().flatten();
        containers.filter_map(move |it| Some((list, it.get("name")?.as_str()?.to_owned())))
    };
    let of_containers = LISTS.into_iter().flat_map(names).flat_map(|container| {
        OF_A_CONTAINER.iter().map(move |&path| Field { container: Some(container.clone()), path })
    });
    let all = of_pod.chain(of_containers);
    all.filter_map(|field| field.value(specification).map(ToString::to_string).map(|value| (field, value)))
        .collect()
}

impl Field {
    fn value<'a>(&self, specification: &'a Value) -> Option<&'a Value> {
        let owner = match &self.container {
            None => specification,
            Some((list, name)) => {
                let mut containers = specification.get(list)?.as_array()?.iter();
                containers.find(|it| it.get("name").and_then(Value::as_str) == Some(name))?
            }
        };
        self.path.iter().try_fold(owner, |owner, step| owner.get(step))
    }

    /// Returns the place of the field, which is made if it is missing; `None` if there is no such container, or something else in
    /// its way.
    fn place<'a>(&self, specification: &'a mut Value) -> Option<&'a mut Value> {
        let mut at = match &self.container {
            None => specification,
            Some((list, name)) => {
                let mut containers = specification.get_mut(list)?.as_array_mut()?.iter_mut();
                containers.find(|it| it.get("name").and_then(Value::as_str) == Some(name))?
            }
        };
        for step in self.path {
            if at.is_null() {
                *at = json!({});
            }
            at = at.as_object_mut()?.entry(*step).or_insert(Value::Null);
        }
        Some(at)
    }

    /// Returns the path of the field in the claims of a manager. Elements of lists are named by their keys (kubernetes.io,
    /// "Server-Side Apply", "Field management").
    fn claim(&self) -> Vec<String> {
        let container = self
            .container
            .as_ref()
            .map(|(list, name)| [format!("f:{list}"), format!("k:{}", json!({ "name": name }))]);
        let steps = self.path.iter().map(|step| format!("f:{step}"));
        ["f:spec".to_owned()].into_iter().chain(container.into_iter().flatten()).chain(steps).collect()
    }

    /// Returns the field as a person names it: `spec.containers[web].securityContext.runAsNonRoot`.
    pub(super) fn name(&self) -> String {
        let container = self.container.as_ref().map(|(list, name)| format!("{list}[{name}]."));
        format!("spec.{}{}", container.unwrap_or_default(), self.path.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Value {
        json!({ "containers": [{ "name": "web", "securityContext": { "runAsUser": 7 } }] })
    }

    /// Returns a pod of the template with these changes, of whose fields the creator claims those of the template.
    fn pod(change: impl FnOnce(&mut Value)) -> Pod {
        let mut specification = template();
        change(&mut specification);
        let web = json!({ "f:name": {}, "f:securityContext": { "f:runAsUser": {} } });
        let claimed = json!({ "f:spec": { "f:containers": { "k:{\"name\":\"web\"}": web } } });
        let managed =
            json!([{ "manager": "kube-controller-manager", "operation": "Update", "fieldsV1": claimed }]);
        serde_json::from_value(json!({ "metadata": { "managedFields": managed }, "spec": specification }))
            .unwrap()
    }

    fn given(pods: &[Pod]) -> Option<Vec<String>> {
        let template = serde_json::from_value(template()).unwrap();
        let pods: Vec<_> = pods.iter().map(Origins::of).collect();
        let fields = by_admission(&template, &pods)?;
        Some(fields.iter().map(|(field, value)| format!("{}={value}", field.name())).collect())
    }

    fn hardened(specification: &mut Value) {
        specification["runtimeClassName"] = json!("gvisor");
        specification["containers"][0]["securityContext"]["runAsNonRoot"] = json!(true);
    }

    #[test]
    fn fields_that_admission_gave_every_pod_are_the_templates() {
        let pods = [pod(hardened), pod(hardened)];
        let names =
            ["spec.runtimeClassName=\"gvisor\"", "spec.containers[web].securityContext.runAsNonRoot=true"];
        assert_eq!(given(&pods).unwrap(), names);
        let template = serde_json::from_value(template()).unwrap();
        let fields = by_admission(&template, &pods.each_ref().map(Origins::of)).unwrap();
        let mut expected = self::template();
        hardened(&mut expected);
        assert_eq!(serde_json::to_value(with(template, &fields)).unwrap(), expected);
    }

    #[test]
    fn fields_of_only_some_pods_are_not_the_templates() {
        let other = pod(|specification| specification["runtimeClassName"] = json!("other"));
        for second in [pod(|_| ()), other] {
            assert_eq!(given(&[pod(hardened), second]).unwrap(), [""; 0]);
        }
    }

    #[test]
    fn a_field_that_the_creator_claims_is_of_another_template() {
        let mut old = pod(hardened);
        let entry = &mut old.metadata.managed_fields.as_mut().unwrap()[0];
        entry.fields_v1.as_mut().unwrap().0["f:spec"]["f:runtimeClassName"] = json!({});
        assert_eq!(given(&[old]), None);
        assert_eq!(given(&[pod(|it| it["containers"][0]["securityContext"]["runAsUser"] = json!(0))]), None);
    }

    #[test]
    fn a_field_that_somebody_wrote_later_is_not_the_templates() {
        let mut later = pod(hardened);
        let entries = later.metadata.managed_fields.as_mut().unwrap();
        let claimed = json!({ "manager": "an-operator", "operation": "Update",
            "fieldsV1": { "f:spec": { "f:runtimeClassName": {} } } });
        entries.push(serde_json::from_value(claimed).unwrap());
        let names = ["spec.containers[web].securityContext.runAsNonRoot=true"];
        assert_eq!(given(&[later]).unwrap(), names);
    }

    #[test]
    fn pods_without_a_record_of_their_creator_show_nothing() {
        let mut unknown = pod(hardened);
        unknown.metadata.managed_fields = None;
        assert_eq!(given(&[unknown]), None);
        assert_eq!(given(&[]), None);
    }
}
