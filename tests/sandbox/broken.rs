//! Sandboxes whose isolation is broken on purpose, in one way each. Every row states every requirement that is not
//! met; nothing else changes against the clean sandbox of the same runtime. Open networks are rows of `network`.

mod rows;

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
};

use serde_json::{Value, json};
use stage::{
    Ended, Ground, bundle, run,
    worlds::{self, World},
};

use crate::{Row, row};

/// A change to the clean bundle, in the bundle's folder.
type Change = fn(&Path, &mut Value);

/// Requirements that are not met; `met` removes an entry of the clean sandbox.
type Lacks = &'static [(&'static str, &'static str)];

/// One thing that is broken.
#[derive(Clone, Copy)]
struct Broken {
    name: &'static str,
    change: Change,
    /// Namespaces in which the whole controller runs, besides a network namespace, for a sandbox that shares them;
    /// `None` for the machine's own.
    apart: Option<&'static [&'static str]>,
    /// Further words of gVisor's command line.
    words: &'static str,
    on_linux: Lacks,
    on_gvisor: Lacks,
    /// The requirement that finds the fault, and words of its reason, under Linux and under gVisor.
    says: (&'static str, &'static str),
}

/// Requirements that a clean container of runc does not meet: it is a container, and shows the machine's kernel.
const RUNC: Lacks = &[("runtime-isolation", "unmet"), ("system-information-hidden", "unmet")];
/// Requirements that a clean sandbox of gVisor does not meet: by default, the sandbox itself opens its files.
const GVISOR: Lacks = &[("runtime-hardening", "unmet")];

/// A token in an API server's format, for `https://kubernetes.default.svc` until 2100. Its signature is invalid.
const TOKEN: &str = concat!(
    "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogIm5vbmUifQ",
    ".eyJhdWQiOiBbImh0dHBzOi8va3ViZXJuZXRlcy5kZWZhdWx0LnN2YyJdLCAiZXhwIjogNDEwMjQ0NDgwMCwgImlhdCI6IDE3NjcyMjU2MDAsICJzdWIiOiAic3lzdGVtOnNlcnZpY2VhY2NvdW50OnNob3A6d2ViIn0",
    ".bm90IGEgc2lnbmF0dXJl",
);

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default().into_iter().filter(stands_for_its_kind);
    let of_world = |world: World| {
        let of_broken = |&broken: &Broken| {
            let (skipped, its) = (world.missing.is_some(), world.clone());
            let name = format!("broken, {}: {}", world.name, broken.name);
            Row { skipped, ..row(name, move || comes_out(&its, broken)) }
        };
        rows::BROKEN.iter().map(of_broken).collect::<Vec<_>>()
    };
    worlds.flat_map(of_world).collect()
}

/// True for gVisor of different years, and for Linux.
fn stands_for_its_kind(world: &World) -> bool {
    ["runsc of 2024, systrap", "runsc of 2026, systrap", "runc"].contains(&world.name.as_str())
}

fn comes_out(world: &World, broken: Broken) {
    let ended = verify(world, broken);
    let (clean, lacks) = if world.gvisor { (GVISOR, broken.on_gvisor) } else { (RUNC, broken.on_linux) };
    let mut expected: BTreeMap<_, _> = clean.iter().chain(lacks).copied().collect();
    expected.retain(|_, outcome| *outcome != "met");
    let lacking = ended.lacking();
    let listed: Vec<_> = lacking.iter().map(|(id, outcome)| format!("{id} {outcome}")).collect();
    _ = writeln!(std::io::stderr(), "{} | {} | lacks {}", broken.name, world.name, listed.join(", "));
    let lacking: BTreeMap<_, _> =
        lacking.iter().map(|(id, outcome)| (id.as_str(), outcome.as_str())).collect();
    assert_eq!(lacking, expected, "{}", reasons(&ended));
    let (id, words) = broken.says;
    if expected.contains_key(id) {
        let finding = ended.finding(id).to_string();
        assert!(finding.contains(words), "{words:?} is not in {finding}");
    }
}

/// Returns every finding that is not met, with its reason.
fn reasons(ended: &Ended) -> String {
    let report = ended.report();
    let findings = report["sandboxes"][0]["findings"].as_array().into_iter().flatten();
    let not_met = findings.filter(|finding| finding["outcome"] != "met");
    let lines = not_met.map(|it| format!("    {} {} {}", it["id"], it["outcome"], it["because"]));
    lines.collect::<Vec<_>>().join("\n")
}

/// Verifies for production, and proves that nothing is left behind.
fn verify(world: &World, broken: Broken) -> Ended {
    let ground = Ground::beside_others();
    let folder = ground.path().join("mine");
    fs::create_dir(&folder).unwrap();
    // A process that may write to the socket may connect (unix(7)).
    let engine = folder.join("engine.sock");
    let _listening = UnixListener::bind(&engine).unwrap();
    fs::set_permissions(&engine, Permissions::from_mode(0o666)).unwrap();
    bundle::write(&folder, |config| {
        hardened(config);
        (broken.change)(&folder, config);
    });
    let runtime =
        format!("{} {}", world.runtime.as_deref().unwrap(), if world.gvisor { broken.words } else { "" });
    let folder = folder.display().to_string();
    let words = [
        "verify",
        "--local",
        "--quiet",
        "--environment",
        "production",
        "--output",
        "json",
        "--runtime",
        runtime.trim(),
        "--bundle",
        &folder,
    ];
    let ended = match broken.apart {
        Some(more) => run::run_apart(&words, ground.path(), more),
        None => run::run(&words, ground.path(), &[]),
    };
    assert_eq!(ground.leftovers(&["mine"]), [""; 0], "{ended:#?}");
    ended
}

/// Adds the defaults that an engine gives a container: a seccomp profile, a /dev of its own, and masked and read-only
/// parts of procfs (moby, `daemon/pkg/oci/defaults.go`).
pub(super) fn hardened(config: &mut Value) {
    let devices = json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] });
    config["mounts"].as_array_mut().unwrap().push(devices);
    let linux = &mut config["linux"];
    linux["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "names": ["mount", "ptrace", "setns", "unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 }],
    });
    linux["maskedPaths"] = json!([
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/sys/firmware",
    ]);
    linux["readonlyPaths"] =
        json!(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
}
