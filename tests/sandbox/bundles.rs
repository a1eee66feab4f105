//! Bundles of users: the judgement is about the bundle, and its folder stays as it was.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use stage::{Ended, Ground, bundle, run, worlds};

use crate::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("a hardened bundle in runsc is ready in production", hardened),
        row("a path of the machine in a bundle is unmet", host_path),
        row("the machine's account list in a bundle is unmet", account_list),
        row("the machine's passwords in a bundle are unmet, an image's own are not", passwords),
        row("a bundle without limits is unmet", without_limits),
        row("limits that runsc is told to ignore are unmet", ignored_limits),
        row("a bundle as root with capabilities is unmet", as_root),
        row("an observer that seccomp kills costs itself alone", killed_by_seccomp),
        row("an observer that hangs costs itself alone", hanging),
        row("a folder without a configuration ends 2", none),
    ]
}

/// Verifies a bundle for production, and proves that nothing in its folder was changed. runc itself adds mount points
/// for devices, as it does whenever it runs a bundle.
fn verify(runtime: &[&str], change: impl FnOnce(&Path, &mut Value)) -> Ended {
    let ground = Ground::beside_others();
    let folder = ground.path().join("mine");
    fs::create_dir(&folder).unwrap();
    bundle::write(&folder, |config| change(&folder, config));
    let before = listing(&folder);
    let program = worlds::installed(runtime.first().unwrap()).unwrap();
    let words: Vec<_> = [program.as_str()].iter().chain(&runtime[1..]).copied().collect();
    let runtime = words.join(" ");
    let folder_name = folder.to_str().unwrap();
    let ended = run::run(
        &[
            "verify",
            "--local",
            "--quiet",
            "--environment",
            "production",
            "--output",
            "json",
            "--runtime",
            &runtime,
            "--bundle",
            folder_name,
        ],
        ground.path(),
        &[],
    );
    let after = listing(&folder);
    assert!(before.iter().all(|file| after.contains(file)), "{before:#?} became {after:#?}");
    assert_eq!(ground.leftovers(&["mine"]), [""; 0], "{ended:#?}");
    ended
}

/// Returns every file with its size and the time of its last change.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            found.extend(listing(&entry.path()));
        } else {
            found.push(format!(
                "{} {} {:?}",
                entry.path().display(),
                metadata.len(),
                metadata.modified().unwrap()
            ));
        }
    }
    found.sort();
    found
}

/// Returns the blocking requirements that are not met, each with its outcome.
fn not_met(ended: &Ended) -> Vec<(String, String)> {
    let blocks = |id: &str| ended.finding(id)["enforcement"] == "blocks";
    let not_met = |outcome: &str| !["met", "not-applicable"].contains(&outcome);
    ended.outcomes().into_iter().filter(|(id, outcome)| not_met(outcome) && blocks(id)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, outcome)| ((*id).to_owned(), (*outcome).to_owned())).collect()
}

/// Requirements that runc's clean run never meets.
const RUNC: [(&str, &str); 2] = [("least-privilege", "unmet"), ("runtime-isolation", "unmet")];

fn hardened() {
    let ended = verify(&["runsc", "--network=none"], |_, _| ());
    assert_eq!((ended.code(), not_met(&ended)), (Some(0), Vec::new()), "{ended:#?}");
    assert_eq!(not_met(&verify(&["runc"], |_, _| ())), pairs(&RUNC));
}

fn host_path() {
    let mount = |_: &Path, config: &mut Value| {
        let mount = json!({ "destination": "/etc", "type": "bind", "source": "/var/tmp", "options": ["rbind", "ro"] });
        config["mounts"].as_array_mut().unwrap().push(mount);
    };
    let ended = verify(&["runsc", "--network=none"], mount);
    assert_eq!((ended.code(), not_met(&ended)), (Some(1), pairs(&[("filesystem-isolation", "unmet")])));
    assert!(ended.finding("filesystem-isolation").to_string().contains("/var/tmp at /etc"), "{}", ended.out);
}

fn account_list() {
    let copy =
        |folder: &Path, _: &mut Value| _ = fs::copy("/etc/passwd", folder.join("rootfs/etc/passwd")).unwrap();
    let ended = verify(&["runsc", "--network=none"], copy);
    assert_eq!(not_met(&ended), pairs(&[("filesystem-isolation", "unmet")]));
    let own = |folder: &Path, _: &mut Value| {
        fs::write(folder.join("rootfs/etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    };
    assert_eq!(not_met(&verify(&["runsc", "--network=none"], own)), Vec::new());
}

fn passwords() {
    const MACHINES: &str = "root:$6$salt$hash:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n";
    let judged = |runtime: &[&str], text: &str, theirs: &str| {
        let ground = Ground::beside_others();
        let (folder, machines) = (ground.path().join("mine"), ground.path().join("machines"));
        fs::create_dir(&folder).unwrap();
        fs::write(&machines, text).unwrap();
        bundle::write(&folder, |config| {
            // Only root may read it.
            config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
            config["linux"]["readonlyPaths"] = json!(["/proc/sys", "/proc/sysrq-trigger"]);
        });
        let mut shadow = OpenOptions::new();
        shadow.write(true).create_new(true).mode(0o400);
        shadow.open(folder.join("rootfs/etc/shadow")).unwrap().write_all(theirs.as_bytes()).unwrap();
        let words = ["verify", "--local", "--quiet", "--output", "json", "--runtime"];
        let (runtime, folder) = (runtime.join(" "), folder.display().to_string());
        let words = [&words[..], &[&runtime, "--bundle", &folder]].concat();
        let ended = run::run_over(&words, ground.path(), &machines, "/etc/shadow");
        assert_eq!(ground.leftovers(&["mine", "machines"]), [""; 0], "{ended:#?}");
        ended.finding("filesystem-isolation")
    };
    for runtime in [&["runsc", "--network=none"][..], &["runc"]] {
        let finding = judged(runtime, MACHINES, MACHINES);
        assert_eq!(finding["outcome"], "unmet", "{finding:#}");
        assert!(finding.to_string().contains("the host's passwords are readable"), "{finding:#}");
        // An image's own file, and a file that both have from their distribution, without a password.
        let none = MACHINES.replace("$6$", "!$6$");
        for (machines, theirs) in [(MACHINES, "root:*:20000:0:99999:7:::\n"), (&none, &none)] {
            let finding = judged(runtime, machines, theirs);
            assert_eq!(finding["outcome"], "met", "{finding:#}");
        }
    }
}

fn without_limits() {
    let ended = verify(&["runsc", "--network=none"], |_, config| config["linux"]["resources"] = json!({}));
    assert_eq!((ended.code(), not_met(&ended)), (Some(1), pairs(&[("resource-limits", "unmet")])));
}

fn ignored_limits() {
    let ended = verify(&["runsc", "--network=none", "--ignore-cgroups"], |_, _| ());
    assert_eq!((ended.code(), not_met(&ended)), (Some(1), pairs(&[("resource-limits", "unmet")])));
    let because = ended.finding("resource-limits")["because"].to_string();
    assert!(because.contains("does not reach the sandbox"), "{because}");
}

fn as_root() {
    let root = |_: &Path, config: &mut Value| {
        config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
        let all = json!(["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]);
        config["process"]["capabilities"] = json!({ "bounding": all, "effective": all, "permitted": all });
    };
    let ended = verify(&["runsc", "--network=none"], root);
    assert_eq!(not_met(&ended), pairs(&[("least-privilege", "unmet")]));
}

fn killed_by_seccomp() {
    // Only the observer of interfaces opens a netlink socket.
    let profile = |_: &Path, config: &mut Value| {
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{
                "names": ["socket"],
                "action": "SCMP_ACT_KILL_PROCESS",
                "args": [{ "index": 0, "value": 16, "op": "SCMP_CMP_EQ" }],
            }],
        });
    };
    let ended = verify(&["runc"], profile);
    let expected = [
        ("closed-from-the-start", "inconclusive"),
        ("dns-contained", "inconclusive"),
        ("metadata-blocked", "inconclusive"),
        ("network-isolation", "inconclusive"),
        ("runtime-isolation", "unmet"),
    ];
    assert_eq!(not_met(&ended), pairs(&expected), "{ended:#?}");
    let because = ended.finding("network-isolation")["because"].to_string();
    assert!(because.contains("looking was ended by signal 31"), "{because}");
}

/// Holds a lease on a file, which keeps other processes from opening the file for a while (fcntl(2), `F_SETLEASE`:
/// 1024).
const LEASE: &str = r#"$SIG{IO} = "IGNORE"; $| = 1; fcntl(STDIN, 1024, 1) or die $!; print "held\n"; sleep"#;

/// The process that holds the lease, until the test ends.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn hanging() {
    let mut holder = None;
    let leased = |folder: &Path, config: &mut Value| {
        let path = folder.join("leased");
        let file = File::create_new(&path).unwrap();
        let mut held =
            Command::new("perl").args(["-e", LEASE]).stdin(file).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 5];
        held.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        holder = Some(Holder(held));
        let mount =
            json!({ "destination": "/proc/cpuinfo", "type": "bind", "source": path, "options": ["bind"] });
        config["mounts"].as_array_mut().unwrap().push(mount);
    };
    let ended = verify(&["runc"], leased);
    drop(holder);
    let mut expected = pairs(&RUNC);
    expected.insert(0, ("filesystem-isolation".to_owned(), "unmet".to_owned()));
    assert_eq!(not_met(&ended), expected, "{ended:#?}");
    let report = ended.report();
    let fared = report["sandboxes"][0]["observations"].as_array().unwrap().iter().map(|observation| {
        (observation["observer"].as_str().unwrap(), observation["outcome"].as_str().unwrap())
    });
    let blind: Vec<_> = fared.filter(|(_, outcome)| outcome.starts_with("looking")).collect();
    assert_eq!(blind, [("processors", "looking took too long")]);
}

fn none() {
    let ground = Ground::beside_others();
    let folder = ground.path().to_str().unwrap();
    let ended = run::run(&["verify", "--local", "--quiet", "--bundle", folder], ground.path(), &[]);
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    assert!(ended.err.contains("config.json") && ended.err.contains("help:"), "{}", ended.err);
}
