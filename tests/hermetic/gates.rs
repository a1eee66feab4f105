//! The ready-made gates of deploy/ci: each is a document of its kind, and the controller accepts its command.

use std::{collections::BTreeSet, fs, net::TcpListener};

use serde_json::Value;
use stage::{Ended, Ground, controller, run};

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

/// The pipelines, whose commands run outside of the judged cluster.
const PIPELINES: [&str; 2] = ["github-actions.yml", "gitlab-ci.yml"];

/// Returns every gate, with the words of its command.
fn gates() -> Vec<(&'static str, Vec<String>)> {
    let mut gates = Vec::new();
    for (_, job) in yaml("ci/github-actions.yml")["jobs"].as_object().unwrap() {
        let steps = job["steps"].as_array().unwrap();
        let run = steps.iter().find_map(|step| step.get("run")).unwrap();
        gates.push(("github-actions.yml", words(run.as_str().unwrap())));
    }
    let gitlab = yaml("ci/gitlab-ci.yml");
    for script in gitlab.as_object().unwrap().values().filter_map(|job| job.get("script")) {
        gates.push(("gitlab-ci.yml", words(script[0].as_str().unwrap())));
    }
    for name in ["ci/argo-cd-presync.yaml", "gate-job.yaml"] {
        gates.push((name, arguments(&yaml(name))));
    }
    let watch = arguments(&yaml("gate/watch.yaml")).into_iter().filter(|word| !word.starts_with("--listen="));
    gates.push(("gate/watch.yaml", watch.collect()));
    for name in ["gate/renew.yaml", "gate/renew-signed.yaml"] {
        let job = renewing(name);
        let words = arguments(&job["spec"]["jobTemplate"]).into_iter();
        // The folders of the container are not on this machine, and nothing here waits.
        let left_out = ["--sign=", "--save-evidence=", "--jitter="];
        let words = words.filter(|word| !left_out.iter().any(|flag| word.starts_with(flag)));
        gates.push((name, words.collect()));
    }
    gates
}

/// Returns the words of a gate as `doctor` takes them: without those about the report and the judgement.
fn of_doctor(words: &[String]) -> Vec<String> {
    const ALONE: &str = "--quiet";
    const LEFT_OUT: [&str; 4] = [ALONE, "--output", "--save-evidence", "--environment"];
    let mut foreseen = vec!["doctor".to_owned()];
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        let (flag, value) = word.split_once('=').map_or((word.as_str(), None), |(flag, it)| (flag, Some(it)));
        if !LEFT_OUT.contains(&flag) {
            foreseen.push(word.clone());
        } else if value.is_none() && flag != ALONE {
            rest.next();
        }
    }
    foreseen
}

/// Returns the value of a flag in the words of a command.
fn value<'a>(words: &'a [String], flag: &str) -> Option<&'a str> {
    let place = words.iter().position(|word| word.split('=').next() == Some(flag))?;
    words[place].split_once('=').map(|(_, value)| value).or_else(|| Some(words.get(place + 1)?.as_str()))
}

/// Runs the command of a gate in an empty folder, with a kubeconfig whose API server is a loopback port without a listener. KUBECONFIG
/// names it, and so does the variable of a pipeline's own command, unless that variable is given another value.
fn ended(words: &[String], given: Option<&str>) -> Ended {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ground = Ground::new();
    let kubeconfig = ground.path().join("kubeconfig").display().to_string();
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "none",
        "clusters": [{ "name": "none", "cluster": { "server": format!("https://127.0.0.1:{port}") } }],
        "contexts": [{ "name": "none", "context": { "cluster": "none", "user": "none" } }],
        "users": [{ "name": "none", "user": {} }],
    });
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let given = given.unwrap_or(&kubeconfig);
    let words = words.iter().map(|word| if word.starts_with('$') { given } else { word });
    let words: Vec<_> = words.chain(["--timeout", "30s"]).collect();
    let mut command = controller(&words);
    command.current_dir(ground.path()).env("KUBECONFIG", &kubeconfig);
    run::ended(command.spawn().unwrap())
}

/// Faults of the command itself are reported before the API server is asked, with exit code 2.
#[test]
fn the_commands_of_the_gates_reach_the_api_server() {
    for (name, words) in gates() {
        let ended = ended(&words, None);
        assert_eq!(ended.code(), Some(4), "{name}: {ended:#?}");
        assert!(ended.err.contains("help:"), "{name}: {ended:#?}");
    }
}

/// A variable that is not set must not lead to the cluster of KUBECONFIG, or to that of the runner's own pod.
#[test]
fn a_pipeline_without_its_kubeconfig_asks_no_other_cluster() {
    for (name, words) in gates().into_iter().filter(|gate| PIPELINES.contains(&gate.0)) {
        let variable = value(&words, "--kubeconfig").unwrap_or_default();
        assert!(variable.starts_with('$'), "{name} does not name its kubeconfig: {words:?}");
        let unset = ended(&words, Some(""));
        assert_eq!(unset.code(), Some(2), "{name}: {unset:#?}");
        assert!(unset.err.contains("--kubeconfig"), "{name}: {unset:#?}");
        let missing = ended(&words, Some("/no/such/kubeconfig"));
        assert_eq!(missing.code(), Some(4), "{name}: {missing:#?}");
        assert!(missing.err.contains("/no/such/kubeconfig"), "{name}: {missing:#?}");
    }
}

#[test]
fn the_gates_of_two_environments_have_two_kubeconfigs() {
    let gitlab: BTreeSet<_> = gates()
        .iter()
        .filter(|gate| gate.0 == "gitlab-ci.yml")
        .filter_map(|(_, words)| value(words, "--kubeconfig").map(str::to_owned))
        .collect();
    assert_eq!(gitlab.len(), 2, "{gitlab:?}");
    let github = yaml("ci/github-actions.yml");
    let jobs = github["jobs"].as_object().unwrap().values();
    let secrets: BTreeSet<_> = jobs.map(|job| job["env"]["KUBECONFIG"].as_str().unwrap()).collect();
    assert_eq!(secrets.len(), 2, "{secrets:?}");
}

#[test]
fn doctor_takes_the_words_of_each_gate() {
    for (name, words) in gates() {
        let ended = ended(&of_doctor(&words), None);
        assert_eq!(ended.code(), Some(4), "{name}: {ended:#?}");
        assert!(ended.out.contains("✘ the API server"), "{name}: {ended:#?}");
    }
}

#[test]
fn the_pipelines_have_staging_and_production_side_by_side() {
    for name in PIPELINES {
        let gates = gates().into_iter().filter(|gate| gate.0 == name);
        let environments: BTreeSet<_> =
            gates.filter_map(|(_, words)| value(&words, "--environment").map(str::to_owned)).collect();
        assert_eq!(environments, BTreeSet::from(["production".to_owned(), "staging".to_owned()]), "{name}");
    }
}

/// A variable of a GitLab project or group replaces that of a job.
#[test]
fn no_variable_changes_the_environment_of_a_gate() {
    let evidence = format!("{}/corpus/1-ready-with-warnings.json", env!("CARGO_MANIFEST_DIR"));
    for (name, words) in gates() {
        let environment = value(&words, "--environment").unwrap_or_default();
        assert!(!environment.is_empty(), "{name} names no environment: {words:?}");
        let words = ["score", &evidence, "--output", "json", "--environment", environment];
        for variable in ["development", "staging", "production"] {
            let judged = run::run(&words, Ground::new().path(), &[("ENVIRONMENT", variable)]).report();
            assert_eq!(judged["environment"]["environment"], environment, "{name}: {variable}");
        }
    }
}

/// GitLab runs a script in a shell of the job's image, and the controller's own image holds the program alone.
#[test]
fn the_image_of_gitlabs_jobs_has_the_controller_beside_a_shell() {
    let image = yaml("ci/gitlab-ci.yml")[".verify"]["image"].as_str().unwrap().to_owned();
    let dockerfile = file("ci/gitlab-job.Dockerfile");
    assert!(dockerfile.contains(&format!("--tag {image} ")), "{image}");
    let argo = yaml("ci/argo-cd-presync.yaml");
    let bare = argo["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
    let lines: Vec<_> = dockerfile.lines().filter(|line| !line.starts_with('#')).collect();
    let copied = "COPY --from=controller --chmod=0555 /controller /usr/local/bin/controller";
    assert_eq!(lines, ["ARG BASE", &format!("FROM {bare} AS controller"), "FROM ${BASE}", copied]);
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

/// `BeforeHookCreation` deletes the hook of the same name, which a generated name never is (argo-cd.readthedocs.io, "Resource Hooks").
#[test]
fn argo_cd_deletes_the_job_of_the_earlier_synchronisation() {
    let metadata = yaml("ci/argo-cd-presync.yaml")["metadata"].clone();
    assert_eq!(metadata["annotations"]["argocd.argoproj.io/hook-delete-policy"], "BeforeHookCreation");
    assert!(metadata["name"].is_string() && metadata.get("generateName").is_none(), "{metadata}");
}

#[test]
fn the_policy_file_of_deploy_is_valid() {
    let path = format!("{}/../deploy/ci/podproof.toml", env!("CARGO_MANIFEST_DIR"));
    let ended = run::run(&["policy", "show", "--policy", &path], Ground::new().path(), &[]);
    // Its waiver expires one day, and then the exit code is 1.
    assert_ne!(ended.code(), Some(2), "{ended:#?}");
    assert!(ended.out.contains("severity.no-token") && ended.out.contains("waiver of"), "{}", ended.out);
}
