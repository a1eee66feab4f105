//! The resources of a run's pods where a namespace refuses the usual ones: those that its LimitRanges admit, or those of the
//! workload, which are admitted by definition. The same for the user.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, LimitRange, LimitRangeItem, Pod, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

use crate::case::cluster::{bytes, millis};

type Quantities = BTreeMap<String, Quantity>;

/// Resources that a node shares out by itself. A driver gives out every other one, together with devices of the node.
const SHARED_OUT: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];

/// The limit of processor time in thousandths of a processor, with which a probe still answers in time.
const SMALL: u64 = 250;

/// A pod with other resources or another user, and the reason for them.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The pod that the namespace admits.
    pub pod: Pod,
    /// The rules that refuse the usual pod, or the pod whose resources it has.
    pub why: String,
}

/// One rule of a LimitRange for one resource, in units of the resource.
#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    least: Option<u64>,
    most: Option<u64>,
    /// The largest limit for a request, in thousandths.
    ratio: Option<u64>,
}

/// The limit and the request of one resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Size {
    limit: Option<u64>,
    request: Option<u64>,
}

/// Returns the pod with resources that every LimitRange admits; `None` if they admit its own.
pub fn within(pod: &Pod, ranges: &[LimitRange]) -> Option<Fitted> {
    let mut pod = pod.clone();
    let resources = pod.spec.as_mut()?.containers.first_mut()?.resources.get_or_insert_default();
    let mut broken = Vec::new();
    for resource in SHARED_OUT {
        let mut size = Size::of(resources, resource);
        for (range, item) in ranges.iter().flat_map(items) {
            let rule = Rule::of(item, resource);
            let fitting = rule.applied(size);
            if fitting != size {
                let name = range.metadata.name.as_deref().unwrap_or_default();
                broken.push(format!(
                    "LimitRange {name}: {resource} {} for a {}",
                    rule.words(resource),
                    item.type_
                ));
                size = fitting;
            }
        }
        size.put(resources, resource);
    }
    (!broken.is_empty()).then(|| Fitted { pod, why: broken.join("; ") })
}

/// Returns the pod with the resources of a workload's pod: those of its container with the most memory.
pub fn like(pod: &Pod, theirs: &Pod) -> Option<Fitted> {
    let memory = |container: &&Container| {
        let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
        limits.and_then(|limits| bytes(&limits.get("memory")?.0))
    };
    let largest = theirs.spec.iter().flat_map(|spec| &spec.containers).max_by_key(memory)?;
    let resources = largest.resources.as_ref()?;
    let shared_out = |quantities: Option<&Quantities>| {
        let kept = quantities.into_iter().flatten().filter(|(name, _)| SHARED_OUT.contains(&name.as_str()));
        Some(kept.map(|(name, quantity)| (name.clone(), quantity.clone())).collect::<Quantities>())
    };
    let (limits, requests) = (shared_out(resources.limits.as_ref()), shared_out(resources.requests.as_ref()));
    // A probe without limits cannot show that limits hold.
    let limited =
        limits.as_ref().is_some_and(|limits| ["cpu", "memory"].iter().all(|name| limits.contains_key(*name)));
    let mut pod = pod.clone();
    let own = pod.spec.as_mut()?.containers.first_mut()?;
    own.resources = Some(ResourceRequirements { limits, requests, ..ResourceRequirements::default() });
    let name = theirs.metadata.name.as_deref().unwrap_or_default();
    limited.then(|| Fitted { pod, why: format!("the namespace admits those of pod {name}") })
}

/// Returns the pod with a smaller limit of processor time, for a namespace whose quota is nearly used up.
pub fn small(pod: &Pod) -> Fitted {
    let mut pod = pod.clone();
    let container = pod.spec.as_mut().and_then(|spec| spec.containers.first_mut());
    if let Some(resources) = container.and_then(|own| own.resources.as_mut()) {
        let limit = quantity("cpu", SMALL);
        resources.limits.get_or_insert_default().insert("cpu".to_owned(), Quantity(limit));
    }
    Fitted { pod, why: format!("the namespace admits a limit of {SMALL}m CPU, and not the usual one") }
}

/// Returns the pod without a user of its own, for a namespace that gives each pod a user of its range (docs.openshift.com,
/// "Managing security context constraints"). The image names a user that is not root.
pub fn without_user(Fitted { mut pod, why }: Fitted) -> Fitted {
    if let Some(context) = pod.spec.as_mut().and_then(|spec| spec.security_context.as_mut()) {
        context.run_as_user = None;
        context.run_as_group = None;
    }
    let user = "the namespace chooses the user itself".to_owned();
    Fitted { pod, why: if why.is_empty() { user } else { format!("{why}; {user}") } }
}

fn items(range: &LimitRange) -> impl Iterator<Item = (&LimitRange, &LimitRangeItem)> {
    let items = range.spec.iter().flat_map(|spec| &spec.limits);
    // A pod with one container has that container's resources.
    items.filter(|item| ["Container", "Pod"].contains(&item.type_.as_str())).map(move |item| (range, item))
}

// === impl Rule ===

impl Rule {
    fn of(item: &LimitRangeItem, resource: &str) -> Self {
        let amount = |quantities: &Option<Quantities>| units(resource, quantities.as_ref()?.get(resource)?);
        let ratio = item.max_limit_request_ratio.as_ref().and_then(|ratios| millis(&ratios.get(resource)?.0));
        Self { least: amount(&item.min), most: amount(&item.max), ratio: ratio.filter(|&ratio| ratio > 0) }
    }

    /// Returns the nearest size that the rule admits (kubernetes, `plugin/pkg/admission/limitranger/admission.go`). A rule
    /// demands an amount where the pod names none.
    fn applied(self, Size { mut limit, mut request }: Size) -> Size {
        if let Some(least) = self.least {
            limit = Some(limit.unwrap_or(least).max(least));
            request = Some(request.unwrap_or(least).max(least));
        }
        if let Some(most) = self.most {
            limit = Some(limit.unwrap_or(most).min(most));
            request = request.map(|request| request.min(most));
        }
        if let (Some(ratio), Some(limit)) = (self.ratio, limit) {
            let enough = limit.saturating_mul(1000).div_ceil(ratio);
            request = Some(request.unwrap_or(enough).max(enough).min(limit));
        }
        Size { limit, request }
    }

    fn words(self, resource: &str) -> String {
        let least = self.least.map(|least| format!("of at least {}", quantity(resource, least)));
        let most = self.most.map(|most| format!("of at most {}", quantity(resource, most)));
        let ratio = self.ratio.map(|ratio| {
            format!("with a limit of at most {}.{:03} times the request", ratio / 1000, ratio % 1000)
        });
        [least, most, ratio].into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

// === impl Size ===

impl Size {
    fn of(resources: &ResourceRequirements, resource: &str) -> Self {
        let amount = |quantities: &Option<Quantities>| units(resource, quantities.as_ref()?.get(resource)?);
        Self { limit: amount(&resources.limits), request: amount(&resources.requests) }
    }

    fn put(self, resources: &mut ResourceRequirements, resource: &str) {
        let put = |quantities: &mut Option<Quantities>, amount: Option<u64>| {
            if let Some(amount) = amount {
                let quantity = Quantity(quantity(resource, amount));
                quantities.get_or_insert_default().insert(resource.to_owned(), quantity);
            }
        };
        put(&mut resources.limits, self.limit);
        put(&mut resources.requests, self.request);
    }
}

fn units(resource: &str, Quantity(text): &Quantity) -> Option<u64> {
    if resource == "cpu" { millis(text) } else { bytes(text) }
}

fn quantity(resource: &str, amount: u64) -> String {
    match amount {
        millis if resource == "cpu" => format!("{millis}m"),
        bytes if bytes % (1 << 20) == 0 => format!("{}Mi", bytes >> 20),
        bytes => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod() -> Pod {
        let resources = json!({ "limits": { "memory": "128Mi", "cpu": "500m" }, "requests": { "memory": "32Mi", "cpu": "10m" } });
        of(&json!({ "containers": [{ "name": "probe", "resources": resources }] }))
    }

    fn of(spec: &Value) -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": "web-1" }, "spec": spec })).unwrap()
    }

    fn range(rule: &Value) -> LimitRange {
        let mut item = json!({ "type": "Container" });
        item.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        serde_json::from_value(json!({ "metadata": { "name": "sizes" }, "spec": { "limits": [item] } }))
            .unwrap()
    }

    fn resources(pod: &Pod) -> Value {
        json!(pod.spec.as_ref().unwrap().containers[0].resources)
    }

    #[test]
    fn each_rule_of_a_limit_range_is_satisfied_and_named() {
        for (rule, limits, requests, words) in [
            (
                json!({ "min": { "memory": "256Mi" } }),
                json!({ "memory": "256Mi", "cpu": "500m" }),
                json!({ "memory": "256Mi", "cpu": "10m" }),
                "memory of at least 256Mi for a Container",
            ),
            (
                json!({ "max": { "cpu": "100m" } }),
                json!({ "memory": "128Mi", "cpu": "100m" }),
                json!({ "memory": "32Mi", "cpu": "10m" }),
                "cpu of at most 100m",
            ),
            (
                json!({ "maxLimitRequestRatio": { "cpu": "4", "memory": "1.5" } }),
                json!({ "memory": "128Mi", "cpu": "500m" }),
                json!({ "memory": "89478486", "cpu": "125m" }),
                "memory with a limit of at most 1.500 times the request",
            ),
            (
                json!({ "type": "Pod", "min": { "ephemeral-storage": "1Gi" } }),
                json!({ "memory": "128Mi", "cpu": "500m", "ephemeral-storage": "1024Mi" }),
                json!({ "memory": "32Mi", "cpu": "10m", "ephemeral-storage": "1024Mi" }),
                "ephemeral-storage of at least 1024Mi for a Pod",
            ),
        ] {
            let fitted = within(&pod(), &[range(&rule)]).unwrap();
            assert_eq!(resources(&fitted.pod), json!({ "limits": limits, "requests": requests }), "{rule}");
            assert!(
                fitted.why.contains("LimitRange sizes: ") && fitted.why.contains(words),
                "{}",
                fitted.why
            );
        }
    }

    #[test]
    fn resources_that_every_range_admits_stay() {
        let rule = json!({ "max": { "memory": "1Gi" }, "min": { "cpu": "10m" }, "default": { "cpu": "1" } });
        assert!(within(&pod(), &[range(&rule)]).is_none());
        let claims = json!({ "type": "PersistentVolumeClaim", "min": { "memory": "1Gi" } });
        assert!(within(&pod(), &[range(&claims)]).is_none());
    }

    #[test]
    fn a_small_pod_has_less_processor_time_and_the_same_memory() {
        let limits = json!({ "memory": "128Mi", "cpu": "250m" });
        let requests = json!({ "memory": "32Mi", "cpu": "10m" });
        assert_eq!(resources(&small(&pod()).pod), json!({ "limits": limits, "requests": requests }));
    }

    #[test]
    fn a_namespace_may_choose_the_user() {
        let mut pod =
            of(&json!({ "containers": [], "securityContext": { "runAsUser": 1, "runAsNonRoot": true } }));
        pod = without_user(Fitted { pod, why: "a rule".into() }).pod;
        assert_eq!(json!(pod.spec.unwrap().security_context), json!({ "runAsNonRoot": true }));
    }

    #[test]
    fn the_workloads_resources_are_taken_without_devices() {
        let small = json!({ "name": "small", "resources": { "limits": { "memory": "1Mi", "cpu": "1" } } });
        let limits = json!({ "memory": "1Gi", "cpu": "2", "vendor.example/gpu": "1" });
        let app = json!({ "name": "app", "resources": { "limits": limits, "requests": { "cpu": "1" } } });
        let fitted = like(&pod(), &of(&json!({ "containers": [small, app] }))).unwrap();
        let expected = json!({ "limits": { "memory": "1Gi", "cpu": "2" }, "requests": { "cpu": "1" } });
        assert_eq!(resources(&fitted.pod), expected);
        assert!(fitted.why.contains("pod web-1"), "{}", fitted.why);
        let unlimited =
            json!({ "containers": [{ "name": "app", "resources": { "requests": { "cpu": "1" } } }] });
        assert!(like(&pod(), &of(&unlimited)).is_none());
    }
}
