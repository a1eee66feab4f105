//! A private registry: the nodes pull an image for those pods alone that name the registry's Secret.

use std::rc::Rc;

use crate::{
    cluster::{CONTROL, NAMESPACE, PULL_SECRET},
    commands::PLAN,
    simulation::Simulation,
    verify::with_control,
};

/// The words that name the registry's Secret.
const NAMED: [&str; 2] = ["--image-pull-secret", "registry"];

/// Returns a cluster in which the pods of these namespaces need the registry's Secret.
fn private(namespaces: &[&str]) -> Rc<Simulation> {
    let simulation = Simulation::new(1);
    for namespace in namespaces {
        simulation.cluster.annotate(namespace, PULL_SECRET, "registry");
    }
    simulation
}

#[test]
fn an_image_that_no_node_may_pull_ends_a_run_with_the_remedy() {
    let (ended, _) = private(&[NAMESPACE]).run(&with_control(), &[]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    for words in ["401 Unauthorized", "--image-pull-secret NAME"] {
        assert!(ended.errors.contains(words), "{words:?} is not in {}", ended.errors);
    }
}

#[test]
fn a_control_pod_whose_image_no_node_may_pull_tells_the_remedy() {
    // The kubelet pulls again and again, and the run waits for it.
    let words = [&with_control()[..], &["--start-timeout", "10s"]].concat();
    let (ended, _) = private(&[CONTROL]).run(&words, &[]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.output.contains("--image-pull-secret NAME"), "{}", ended.output);
}

#[test]
fn pods_with_the_registrys_secret_run_as_others_do() {
    let words = [&with_control()[..], &NAMED].concat();
    let (ended, _) = private(&[NAMESPACE, CONTROL]).run(&words, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn a_plan_prints_the_pull_secrets() {
    let [without, with] = [PLAN.to_vec(), [PLAN, &NAMED].concat()].map(|words| {
        let (ended, _) = Simulation::new(1).run(&words, &[]);
        ended.output.matches("imagePullSecrets").count()
    });
    assert!(without == 0 && with > 0, "{without} {with}");
}
