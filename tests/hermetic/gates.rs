//! The ready-made gates of deploy/ci: each is a document of its kind, and the controller accepts its command.

use std::{collections::BTreeSet, fs, net::TcpListener};

use serde_json::Value;
use stage::{Ground, controller, run};

fn file(name: &str) -> String {
    fs::read_to_string(format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&file(name)).unwrap()
}

/// Returns the `CronJob` of a file, which follows its account.
fn renewing(name: &str) -> Value {
    serde_saphyr::from_str(file(name).split("\n---\n").nth(1).unwrap()).unwrap()
}

/// Splits a command as a shell would, over several lines.
fn words(command: &str) -> Vec<String> {
    let words = shlex::split(&command.replace("\\\n", " ")).unwrap();
    let (program, words) = words.split_first().unwrap();
    assert_eq!(program, "controller");
    words.to_vec()
}

fn arguments(job: &Value) -> Vec<String> {
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Returns every gate, with the environments that it sets.
fn gates() -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let github = yaml("ci/github-actions.yml");
    let mut gates = Vec::new();
    for (_, job) in github["jobs"].as_object().unwrap() {
        let steps = job["steps"].as_array().unwrap();
        let run = steps.iter().find_map(|step| step.get("run")).unwrap();
        gates.push((
            "github-actions.yml",
            words(run.as_str().unwrap()),
            vec![text(&job["env"]["ENVIRONMENT"])],
        ));
    }
    let gitlab = yaml("ci/gitlab-ci.yml");
    let jobs = gitlab.as_object().unwrap().values();
    let environments = jobs.filter_map(|job| job.get("variables")).map(|it| text(&it["ENVIRONMENT"]));
    let script = gitlab[".verify"]["script"][0].as_str().unwrap();
    gates.push(("gitlab-ci.yml", words(script), environments.collect()));
    let argo = yaml("ci/argo-cd-presync.yaml");
    let environment =
        |job: &Value| text(&job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]);
    gates.push(("argo-cd-presync.yaml", arguments(&argo), vec![environment(&argo)]));
    let job = file("gate-job.yaml");
    let job: Value = serde_saphyr::from_str(job.split("\n---\n").nth(1).unwrap()).unwrap();
    gates.push(("gate-job.yaml", arguments(&job), vec![environment(&job)]));
    let watch = arguments(&yaml("gate/watch.yaml")).into_iter().filter(|word| !word.starts_with("--listen="));
    gates.push(("gate/watch.yaml", watch.collect(), Vec::new()));
    for name in ["gate/renew.yaml", "gate/renew-signed.yaml"] {
        let job = renewing(name);
        let words = arguments(&job["spec"]["jobTemplate"]).into_iter();
        // The folders of the container are not on this machine, and nothing here waits.
        let left_out = ["--sign=", "--save-evidence=", "--jitter="];
        let words = words.filter(|word| !left_out.iter().any(|flag| word.starts_with(flag)));
        gates.push((name, words.collect(), Vec::new()));
    }
    gates
}

/// The API server is a loopback port without a listener. Faults of the command itself are reported before, with exit
/// code 2.
#[test]
fn the_commands_of_the_gates_reach_the_api_server() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (name, words, _) in gates() {
        let ground = Ground::new();
        let kubeconfig = ground.path().join("kubeconfig");
        let server = format!("https://127.0.0.1:{port}");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "none",
            "clusters": [{ "name": "none", "cluster": { "server": server } }],
            "contexts": [{ "name": "none", "context": { "cluster": "none", "user": "none" } }],
            "users": [{ "name": "none", "user": {} }],
        });
        fs::write(&kubeconfig, config.to_string()).unwrap();
        let words: Vec<_> = words.iter().map(String::as_str).chain(["--timeout", "30s"]).collect();
        let mut command = controller(&words);
        command.current_dir(ground.path()).env("KUBECONFIG", &kubeconfig).env("ENVIRONMENT", "production");
        let ended = run::ended(command.spawn().unwrap());
        assert_eq!(ended.code(), Some(4), "{name}: {ended:#?}");
        assert!(ended.err.contains("help:"), "{name}: {ended:#?}");
    }
}

#[test]
fn the_pipelines_have_staging_and_production_side_by_side() {
    for name in ["github-actions.yml", "gitlab-ci.yml"] {
        let environments: BTreeSet<_> =
            gates().into_iter().filter(|gate| gate.0 == name).flat_map(|gate| gate.2).collect();
        assert_eq!(environments, BTreeSet::from(["production".to_owned(), "staging".to_owned()]), "{name}");
    }
}

#[test]
fn the_signed_renewal_differs_from_the_plain_one_in_its_key_alone() {
    let (plain, mut signed) = (renewing("gate/renew.yaml"), renewing("gate/renew-signed.yaml"));
    let spec = &mut signed["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    spec.as_object_mut().unwrap().remove("volumes").unwrap();
    // The parsers of YAML do not agree on an octal number.
    assert!(file("gate/renew-signed.yaml").contains("defaultMode: 0400\n"));
    spec["securityContext"].as_object_mut().unwrap().remove("fsGroup").unwrap();
    let container = &mut spec["containers"][0];
    let mounts = container.as_object_mut().unwrap().remove("volumeMounts").unwrap();
    assert_eq!(mounts[0]["readOnly"], true);
    let words = container["args"].as_array_mut().unwrap();
    let signing: Vec<_> = words.extract_if(.., |it| it.as_str().unwrap().contains("=/")).collect();
    assert_eq!(signing, ["--save-evidence=/evidence/shop.json.gz", "--sign=/key/podproof.key"]);
    assert_eq!(signed, plain);
}

#[test]
fn argo_cd_runs_its_gate_before_it_applies_anything() {
    let argo = yaml("ci/argo-cd-presync.yaml");
    assert_eq!(argo["kind"], "Job");
    assert_eq!(argo["metadata"]["annotations"]["argocd.argoproj.io/hook"], "PreSync");
}

#[test]
fn the_policy_file_of_deploy_is_valid() {
    let path = format!("{}/../deploy/ci/podproof.toml", env!("CARGO_MANIFEST_DIR"));
    let ended = run::run(&["policy", "show", "--policy", &path], Ground::new().path(), &[]);
    // Its waiver expires one day, and then the exit code is 1.
    assert_ne!(ended.code(), Some(2), "{ended:#?}");
    assert!(ended.out.contains("severity.no-token") && ended.out.contains("waiver of"), "{}", ended.out);
}
