//! Templates that are judged with the labels, annotations and fields that admission gave all their pods.

use super::first;
use crate::case::cluster::{Cluster, Labels, PodView, Shared};

/// Returns a remark for each template that would be judged or bound otherwise without the additions of admission.
pub fn remarks(cluster: &Cluster) -> Vec<String> {
    let judged_by_pods =
        cluster.pod_views.iter().filter(|it| it.origin.is_template() && matters(cluster, it));
    let remark = |template: &Shared<PodView>| {
        let pods = cluster.made_by(template).map(|pod| pod.origin.title());
        format!(
            "{} was judged with {}, which its template lacks: admission gave this to its pods ({}), and new pods are expected to get \
             it as well",
            template.origin.title(),
            first(additions(cluster, template).into_iter()),
            first(pods)
        )
    };
    judged_by_pods.map(remark).collect()
}

/// True if policies bind the template otherwise without the additions, or if its probe would be another one.
fn matters(cluster: &Cluster, template: &PodView) -> bool {
    let added = |annotations: &Labels| annotations.keys().any(|key| template.by_admission.contains(key));
    let annotations =
        [&template.gvisor_annotations, &template.network_annotations, &template.injection_annotations];
    let own = template.own_labels();
    !template.fields_by_admission.is_empty()
        || annotations.into_iter().any(added)
        || (own != *template.labels && binds_otherwise(cluster, template, &own))
}

/// True if policies would bind the template otherwise with these labels.
fn binds_otherwise(cluster: &Cluster, template: &PodView, labels: &Labels) -> bool {
    let binding = |labels| cluster.binding(labels, &template.service_account);
    binding(labels) != binding(&template.labels)
}

/// Returns the additions that matter; of labels, those without which policies bind the template otherwise.
fn additions(cluster: &Cluster, template: &PodView) -> Vec<String> {
    let is_added = |key: &String| template.by_admission.contains(key);
    let decides = |key: &String| {
        let mut labels = template.labels.clone();
        labels.remove(key);
        binds_otherwise(cluster, template, &labels)
    };
    let mut labels: Vec<_> = template.labels.iter().filter(|(key, _)| is_added(key)).collect();
    // Several labels may decide only together.
    if labels.iter().any(|(key, _)| decides(key)) {
        labels.retain(|(key, _)| decides(key));
    }
    let labels = labels.into_iter().map(|(key, value)| format!("the label {key}={value}"));
    let annotations =
        [&template.gvisor_annotations, &template.network_annotations, &template.injection_annotations];
    let annotations = annotations.into_iter().flatten().filter(|(key, _)| is_added(key));
    let annotations = annotations.map(|(key, value)| format!("the annotation {key}={value}"));
    template.fields_by_admission.iter().cloned().chain(labels).chain(annotations).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        fixture,
        plan::cluster::{namespace, tests},
    };

    /// Returns a cluster whose policy selects the label x, which its pod bears.
    fn cluster(by_admission: &[&str]) -> Cluster {
        let mut cluster = tests::cluster();
        let deny =
            json!({ "podSelector": { "matchLabels": { "x": "y" } }, "policyTypes": ["Ingress", "Egress"] });
        cluster.policies = fixture::policies(&[fixture::network_policy("deny", &deny)]);
        cluster.pod_views.truncate(1);
        let mut template = cluster.pod_views[0].clone();
        template.origin.pod = None;
        template.node = None;
        template.by_admission = by_admission.iter().map(|&key| key.to_owned()).collect();
        let with = |view: &mut PodView| drop(view.labels.insert("x".into(), "y".into()));
        with(&mut cluster.pod_views[0]);
        if !by_admission.is_empty() {
            with(&mut template);
            template.labels.insert("other".into(), "z".into());
        }
        cluster.pod_views.push(template);
        cluster
    }

    #[test]
    fn a_template_joins_its_pods_and_the_remark_names_them() {
        let cluster = cluster(&["x", "other"]);
        let groups = namespace(&cluster, &tests::request()).unwrap().groups;
        assert!(groups.iter().all(|group| group.policies == ["deny"]), "{groups:#?}");
        let remarks = remarks(&cluster);
        assert!(
            remarks[0].contains("with the label x=y, which") && remarks[0].contains("pod/web-1"),
            "{remarks:?}"
        );
    }

    #[test]
    fn a_template_whose_pods_show_nothing_stays_a_group_of_its_own() {
        let cluster = cluster(&[]);
        let groups = namespace(&cluster, &tests::request()).unwrap().groups;
        assert!(groups.iter().any(|group| group.policies.is_empty()), "{groups:#?}");
        assert!(remarks(&cluster).is_empty());
    }

    #[test]
    fn a_label_that_changes_nothing_is_not_told() {
        let mut cluster = cluster(&["x"]);
        cluster.policies = fixture::policies(&[fixture::default_deny()]);
        assert!(remarks(&cluster).is_empty());
    }
}
