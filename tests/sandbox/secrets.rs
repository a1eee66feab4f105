//! No secret leaves a sandbox: each is planted within the probe's reach. The test looks for it in every byte that the
//! probe sends, in the saved evidence and in every report.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stage::{
    Ground, Network, network,
    network::Answer,
    run::{self, FORMATS},
    worlds::{self, World},
};

use crate::{Row, row};

const ACCOUNT: &str = "xk29-vqh7-account";
const SHADOW: &str = "xk29-vqh7-shadow";
const SUBJECT: &str = "xk29-vqh7-subject";
const SIGNATURE: &str = "xk29-vqh7-signature";
const PASSWORD: &str = "xk29-vqh7-password";
const VARIABLE: &str = "xk29-vqh7-variable";
const CONTROLLERS_OWN: &str = "xk29-vqh7-controller";
const COMMAND_LINE: &str = "xk29-vqh7-command-line";
const MACHINE: &str = "8f1d3c5b7a9e4d2fb6c8e0a1d3f5b7c9";
const SECRETS: [&str; 10] = [
    ACCOUNT,
    SHADOW,
    SUBJECT,
    SIGNATURE,
    PASSWORD,
    VARIABLE,
    CONTROLLERS_OWN,
    COMMAND_LINE,
    MACHINE,
    network::CREDENTIALS,
];

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default().into_iter();
    let worlds = worlds.filter(|world| ["runsc of 2026, systrap", "runc"].contains(&world.name.as_str()));
    let of_world = |world: World| {
        let (name, skipped) = (format!("no secret leaves {}", world.name), world.missing.is_some());
        Row { skipped, ..row(name, move || none_leaves(&world)) }
    };
    worlds.map(of_world).collect()
}

fn none_leaves(world: &World) {
    let _telltale = Telltale::new();
    let network = Network::new(Answer::Resolved);
    let ground = Ground::beside_others();
    let mine = ground.path().join("mine");
    let said = mine.join("said");
    let recorder = run::prop("record");
    let runtime = format!("{} {} {}", recorder.display(), said.display(), world.runtime.as_deref().unwrap());
    let mut command = network.command(&ground, &runtime, plant);
    for form in FORMATS {
        command.arg("--output").arg(format!("{form}={}", mine.join(form).display()));
    }
    command.arg("--save-evidence").arg(mine.join("evidence"));
    command.args(["--verbose", "--environment", "production"]).env("SECRET", CONTROLLERS_OWN);
    let ended = run::ended(command.spawn().unwrap());
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert_eq!(ground.leftovers(&["mine"]), [""; 0], "{ended:#?}");

    was_in_reach(&fs::read_to_string(mine.join("json")).unwrap());
    was_seen(world, &fs::read_to_string(mine.join("evidence")).unwrap());
    let reports = FORMATS.map(|form| (form, "filesystem-isolation"));
    let raw = [("said", "Linux version"), ("evidence", "Linux version")];
    for (name, shown) in reports.into_iter().chain(raw) {
        let bytes = fs::read(mine.join(name)).unwrap();
        assert!(
            holds(&bytes, shown.as_bytes()),
            "{name} is no such thing: {}",
            String::from_utf8_lossy(&bytes)
        );
        assert_eq!(found(&bytes), [""; 0], "in {name}");
    }
    assert_eq!(found(ended.out.as_bytes()), [""; 0], "{}", ended.out);
    assert_eq!(found(ended.err.as_bytes()), [""; 0], "{}", ended.err);
}

/// Asserts that the probe could have told the secrets: the report names the places that hold them.
fn was_in_reach(report: &str) {
    let report: Value = serde_json::from_str(report).unwrap();
    let findings = report["sandboxes"][0]["findings"].as_array().unwrap();
    let finding = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap();
    for id in ["metadata-blocked", "filesystem-isolation", "secrets-absent"] {
        assert_eq!(finding(id)["outcome"], "unmet", "{id}: {findings:#?}");
    }
}

/// Asserts that the probe read each place, and kept the facts that it may keep.
fn was_seen(world: &World, saved: &str) {
    let cases = run::saved_cases(saved.as_bytes());
    let evidence = &cases[0]["collected"]["evidence"];
    let seen = |observer: &str| &evidence[observer]["seen"];
    assert_eq!(seen("account_list")["accounts"], 1, "{evidence:#}");
    assert_eq!(seen("shadow")["passwords"], 1, "{evidence:#}");
    assert_eq!(seen("secrets")["token"]["audiences"], json!(["shop"]), "{evidence:#}");
    let mut identifiers = seen("identifiers")["identifiers"].as_array().unwrap().iter();
    assert!(identifiers.any(|it| it["path"] == "/etc/machine-id"), "{evidence:#}");
    // gVisor has processes of its own.
    let others = seen("host_sentinels")["others"]["command_lines"].as_u64().unwrap();
    assert_eq!(others > 0, !world.gvisor, "{evidence:#}");
    let processes = seen("processes")["processes"].as_array().unwrap();
    let named = processes.iter().filter(|process| process["command"]["seen"].is_array()).count();
    assert_eq!(named > 0, !world.gvisor, "{evidence:#}");
}

fn plant(folder: &Path, config: &mut Value) {
    let etc = folder.join("rootfs/etc");
    let account = format!("{ACCOUNT}:x:0:0:{ACCOUNT}:/{ACCOUNT}:/bin/sh\n");
    fs::write(etc.join("passwd"), account).unwrap();
    fs::write(etc.join("shadow"), format!("root:$6${SHADOW}:20000:0:99999:7:::\n")).unwrap();
    fs::write(etc.join("machine-id"), format!("{MACHINE}\n")).unwrap();
    fs::write(etc.join("resolv.conf"), "nameserver 10.77.0.53\n").unwrap();
    let secrets = folder.join("secrets");
    fs::create_dir_all(secrets.join("kubernetes.io/serviceaccount")).unwrap();
    fs::write(secrets.join("kubernetes.io/serviceaccount/token"), token()).unwrap();
    fs::write(secrets.join("password"), PASSWORD).unwrap();
    let mount = json!({
        "destination": "/var/run/secrets", "type": "bind", "source": secrets, "options": ["bind", "ro"],
    });
    config["mounts"].as_array_mut().unwrap().push(mount);
    config["process"]["env"] = json!([format!("SECRET={VARIABLE}")]);
    // Under Linux, the machine's processes are then visible.
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "pid");
}

fn token() -> String {
    let encoded = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
    let claims = json!({ "aud": ["shop"], "exp": 4_102_444_800_u64, "sub": SUBJECT, "jti": SUBJECT });
    [r#"{"alg":"RS256"}"#, &claims.to_string(), SIGNATURE].map(encoded).join(".")
}

/// Returns the secrets in these bytes, in any encoding.
fn found(bytes: &[u8]) -> Vec<&'static str> {
    let dense: Vec<_> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let leaked = |secret: &&str| is_in(bytes, secret) || is_in(&dense, secret);
    SECRETS.into_iter().filter(leaked).collect()
}

/// True if these bytes hold a secret in any encoding.
pub(super) fn is_in(bytes: &[u8], secret: &str) -> bool {
    forms(secret).iter().any(|form| holds(bytes, form.as_bytes()))
}

/// Returns a secret as it is, in hexadecimal digits, as a list of numbers, and in base64 at each of three offsets.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.bytes();
    let hexadecimal = bytes.clone().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let numbers: Vec<_> = bytes.map(|byte| byte.to_string()).collect();
    let shifted = ["", "-", "--"].map(|before| {
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(format!("{before}{secret}"));
        encoded[4..encoded.len() - 4].to_owned()
    });
    [secret.to_owned(), hexadecimal, numbers.join(",")].into_iter().chain(shifted).collect()
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A process of the machine with a secret in its command line, until it is dropped.
struct Telltale(Child);

impl Telltale {
    fn new() -> Self {
        let mut command = Command::new("sh");
        // The process waits for a line that never comes, and ends with its standard input.
        Self(command.args(["-c", "read -r line", COMMAND_LINE]).stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Telltale {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        _ = self.0.wait();
    }
}
