//! `controller doctor` foresees what `controller verify` meets in the same cluster.

use serde_json::{Value, json};

use crate::{
    cluster::{CONTROL, Cluster, DIGEST, EXCHANGED, NAMESPACE},
    commands::DOCTOR,
    simulation::{Ended, Simulation},
    store::key,
    verify::with_control,
};

/// Runs a command in a cluster of its own.
fn ended(words: &[&str], prepare: &impl Fn(&Cluster)) -> Ended {
    let simulation = Simulation::new(1);
    prepare(&simulation.cluster);
    simulation.run(words, &[]).0
}

/// Returns the ends of `doctor` and of `verify` with these words besides, each in a cluster that is prepared alike.
fn both(words: &[&str], prepare: impl Fn(&Cluster)) -> (Ended, Ended) {
    (ended(&[DOCTOR, words].concat(), &prepare), ended(&[&with_control()[..], words].concat(), &prepare))
}

/// Returns the exit codes of both.
fn codes((doctor, verify): &(Ended, Ended)) -> [Option<u8>; 2] {
    [doctor.code, verify.code]
}

#[test]
fn a_permission_whose_loss_costs_words_alone_is_a_remark() {
    for (verb, resource, said) in [
        ("deletecollection", "pods", "pods are deleted one by one, by a request for each"),
        ("list", "poddisruptionbudgets", "the run does not warn of such a budget"),
        ("list", "resourcequotas", "the report shows only the API server's refusal"),
    ] {
        let ended = both(&[], |cluster| cluster.refuse(verb, resource));
        assert_eq!(codes(&ended), [Some(0); 2], "{verb} {resource}: {}", ended.0.output);
        let output = &ended.0.output;
        assert!(output.contains(&format!("! the permission to {verb} {resource}")), "{output}");
        assert!(output.contains(said) && output.contains("controller rbac"), "{output}");
    }
}

#[test]
fn a_permission_that_requirements_need_leaves_them_inconclusive() {
    let ended = both(&[], |cluster| cluster.refuse("list", "nodes"));
    assert_eq!(codes(&ended), [Some(3); 2], "{}", ended.0.output);
}

/// Has each pod mount a claim, whose volume is network storage.
fn with_claims(cluster: &Cluster) {
    let volumes = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    let mount = |spec: &mut Value| spec["volumes"] = volumes.clone();
    cluster.change(|store| {
        let claim = json!({ "metadata": {}, "spec": { "volumeName": "data" } });
        store.add(key("persistentvolumeclaims", NAMESPACE, "data"), claim);
        let volume = json!({ "metadata": {}, "spec": { "nfs": { "server": "nas.example", "path": "/" } } });
        store.add(key("persistentvolumes", "", "data"), volume);
        let template = key("deployments", NAMESPACE, "web");
        store.modify(&template, |object| mount(&mut object["spec"]["template"]["spec"]));
        for pod in ["web-1", "web-2"] {
            store.modify(&key("pods", NAMESPACE, pod), |object| mount(&mut object["spec"]));
        }
    });
}

#[test]
fn a_permission_for_the_volumes_of_claims_matters_where_a_pod_has_a_claim() {
    let refuse = |cluster: &Cluster| cluster.refuse("list", "persistentvolumes");
    assert_eq!(codes(&both(&[], with_claims)), [Some(0); 2]);
    let ended = both(&[], |cluster| {
        with_claims(cluster);
        refuse(cluster);
    });
    assert_eq!(codes(&ended), [Some(3); 2], "{}", ended.0.output);
    let ended = both(&[], refuse);
    assert_eq!(codes(&ended), [Some(0); 2], "{}", ended.0.output);
    assert!(ended.0.output.contains("no pod has one now"), "{}", ended.0.output);
}

/// The probe shows whose kernel answers, whatever the handler's name.
#[test]
fn a_handler_with_another_name_than_gvisors_is_a_remark() {
    let ended = both(&[], |cluster| {
        cluster.change(|store| {
            store.modify(&key("runtimeclasses", "", "gvisor"), |class| class["handler"] = json!("sandboxed"));
            for node in ["one", "two"] {
                store.modify(&key("nodes", "", node), |node| {
                    node["status"]["runtimeHandlers"] = json!([{ "name": "sandboxed" }]);
                });
            }
        });
    });
    assert_eq!(codes(&ended), [Some(0); 2], "{}", ended.0.output);
    assert!(ended.0.output.contains("! a RuntimeClass for gVisor"), "{}", ended.0.output);
}

/// Removes the workload, so that the namespace is empty.
fn emptied(cluster: &Cluster) {
    cluster.change(|store| {
        store.remove(&key("deployments", NAMESPACE, "web"));
        for pod in ["web-1", "web-2"] {
            store.remove(&key("pods", NAMESPACE, pod));
        }
    });
}

#[test]
fn an_empty_namespace_is_foreseen_by_the_class_of_its_later_pods() {
    assert_eq!(codes(&both(&[], emptied)), [Some(3); 2]);
    let ended = both(&["--runtime-class", "gvisor", "--labels", "app=web"], emptied);
    assert_eq!(codes(&ended), [Some(0); 2], "{}", ended.0.output);
}

#[test]
fn the_flags_of_a_run_are_foreseen() {
    for (words, code) in [
        (&["--like", "deployment/web"][..], 0),
        (&["--nodes", "one"], 0),
        (&["--nodes", "all", "--start-timeout", "30s", "--parallel", "2"], 0),
        (&["--max-probes", "2"], 0),
        (&["--max-probes", "1"], 3),
        (&["--expect-pool", "sandbox"], 0),
        (&["--expect-pool", "gpu"], 3),
        (&["--live"], 0),
    ] {
        let ended = both(words, |_| ());
        assert_eq!(codes(&ended), [Some(code); 2], "{words:?}: {}", ended.0.output);
    }
}

#[test]
fn the_pools_of_a_run_are_those_of_its_label() {
    let words = ["--pool-label", "tests.example/pool", "--expect-pool", "mine"];
    assert_eq!(codes(&both(&words, |_| ())), [Some(3); 2]);
    let ended = both(&words, |cluster| {
        cluster.change(|store| {
            store.modify(&key("nodes", "", "one"), |node| {
                node["metadata"]["labels"]["tests.example/pool"] = json!("mine");
            });
        });
    });
    assert_eq!(codes(&ended), [Some(0); 2], "{}", ended.0.output);
}

/// Returns the ends of both where the image has this digest, by its name and on the nodes.
fn with_digest(digest: &str) -> (Ended, Ended) {
    let image = format!("registry.example/probe@{digest}");
    let exchange = |cluster: &Cluster| {
        for namespace in [NAMESPACE, CONTROL] {
            cluster.annotate(namespace, EXCHANGED, digest);
        }
    };
    let pinned = |words: &[&'static str]| {
        let is_image = |word: &&str| word.starts_with("registry.example/");
        let words: Vec<_> = words.iter().map(|it| if is_image(it) { image.as_str() } else { it }).collect();
        ended(&words, &exchange)
    };
    (pinned(DOCTOR), pinned(&with_control()))
}

#[test]
fn an_image_whose_name_has_another_digest_is_foreseen() {
    let ended = with_digest(&format!("sha256:{}", "e".repeat(64)));
    assert_eq!(codes(&ended), [Some(3); 2], "{}", ended.0.output);
    assert!(ended.0.output.contains("? the probe's image"), "{}", ended.0.output);
    let ended = with_digest(DIGEST);
    assert_eq!(codes(&ended), [Some(0); 2], "{}", ended.0.output);
    assert!(ended.0.output.contains("✔ the probe's image"), "{}", ended.0.output);
}

/// Makes the place of the proof, as `controller gate` does.
fn with_place(cluster: &Cluster) {
    let proof = key("configmaps", CONTROL, "podproof-proof-shop");
    cluster.change(|store| store.add(proof, json!({ "metadata": {} })));
}

#[test]
fn the_place_of_a_proof_is_foreseen() {
    let words = ["--publish", CONTROL];
    assert_eq!(codes(&both(&words, with_place)), [Some(0); 2]);
    let ended = both(&words, |_| ());
    assert_eq!(codes(&ended), [Some(4); 2], "{}", ended.0.output);
    assert!(ended.0.output.contains("has no ConfigMap podproof-proof-shop"), "{}", ended.0.output);
    let ended = both(&words, |cluster| {
        with_place(cluster);
        cluster.refuse("patch", "configmaps");
    });
    assert_eq!(codes(&ended), [Some(4); 2], "{}", ended.0.output);
    assert!(ended.0.output.contains("the permission to patch the ConfigMap"), "{}", ended.0.output);
}

/// No cluster without the kind needs the permission, so that `doctor` does not ask for it by itself. Calico's API server lists the
/// policies of those tiers alone that its client may get, so that an empty list is none.
#[test]
fn policies_that_may_not_be_read_are_foreseen() {
    let with_kind = |cluster: &Cluster, group: &str, plural: &str, kind: &str| {
        let names = json!({ "plural": plural, "kind": kind });
        let spec =
            json!({ "group": group, "names": names, "scope": "Namespaced", "versions": [{ "name": "v2" }] });
        let definition = key("customresourcedefinitions", "", plural);
        cluster.change(|store| store.add(definition, json!({ "metadata": {}, "spec": spec })));
    };
    for (group, plural, kind, verb, refused) in [
        ("cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy", "list", "ciliumnetworkpolicies"),
        ("projectcalico.org", "globalnetworkpolicies", "GlobalNetworkPolicy", "get", "tiers"),
        ("projectcalico.org", "globalnetworkpolicies", "GlobalNetworkPolicy", "list", "tier.networkpolicies"),
    ] {
        let with_kind = |cluster: &Cluster| with_kind(cluster, group, plural, kind);
        assert_eq!(codes(&both(&[], with_kind)), [Some(0); 2], "{group}");
        let ended = both(&[], |cluster| {
            with_kind(cluster);
            cluster.refuse(verb, refused);
        });
        assert_eq!(codes(&ended), [Some(3); 2], "{}", ended.0.output);
        let said = format!("the permission to {verb} {refused}.{group} is missing");
        assert!(ended.0.output.contains(&said), "{}", ended.0.output);
    }
}

#[test]
fn the_network_of_a_run_is_foreseen_by_its_flags() {
    let words = ["--profile", "allow-list", "--allow", "192.0.2.7:443"];
    let told = ended(&[DOCTOR, &words[..]].concat(), &|_| ());
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.output.contains("judged by the profile allow-list, and 192.0.2.7:443"), "{}", told.output);
    let refused = ended(&[DOCTOR, &words[..2]].concat(), &|_| ());
    assert_eq!(refused.code, Some(2), "{refused:?}");
}
