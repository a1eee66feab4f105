//! Limits that reach a sandbox and limits that do not, in each runtime. Each row states every requirement that is not
//! met.

use std::{collections::BTreeMap, fs, io::Write};

use serde_json::{Value, json};
use stage::{
    Ended, Ground, bundle, run,
    worlds::{self, World},
};

use crate::{Row, measured, row};

/// Requirements that are not met, besides those that no sandbox of the runtime meets.
type Lacks = &'static [(&'static str, &'static str)];

/// A bundle, the runtime's further arguments, and the outcomes.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    change: fn(&mut Value),
    told: &'static [&'static str],
    /// Further arguments of the controller.
    words: &'static [&'static str],
    lacks: Lacks,
    /// Words of the reason for resource-limits.
    says: &'static str,
}

const MET: Lacks = &[];
const UNMET: Lacks = &[("resource-limits", "unmet")];

/// Memory and CPU of the stage's bundle: 256 MiB, one processor.
const CLEAN: Case = Case {
    name: "256 MiB and one processor",
    change: |_| (),
    told: &[],
    words: &[],
    lacks: MET,
    says: "the sandbox's control group has them",
};

const HALF: Case =
    Case { name: "half a processor", change: |config| cpu(config)["quota"] = json!(50_000), ..CLEAN };
const MEASURE: &[&str] = &["--measure-cpu"];

const CASES: &[Case] = &[
    CLEAN,
    Case { name: "512 MiB", change: |config| memory(config)["limit"] = json!(512 << 20), ..CLEAN },
    HALF,
    Case {
        name: "one and a half processors by another period",
        change: |config| *cpu(config) = json!({ "quota": 75_000, "period": 50_000 }),
        ..CLEAN
    },
    Case {
        name: "100 processes",
        change: |config| config["linux"]["resources"]["pids"] = json!({ "limit": 100 }),
        ..CLEAN
    },
    Case { name: "control groups mounted", change: with_control_groups, ..CLEAN },
    Case {
        name: "a path as systemd's",
        change: |config| {
            let group = &mut config["linux"]["cgroupsPath"];
            *group = json!(format!("podproof-stage.slice:runsc:{}", &group.as_str().unwrap()[1..]));
        },
        ..CLEAN
    },
    Case {
        name: "no memory limit",
        change: |config| *memory(config) = json!({}),
        lacks: UNMET,
        says: "no memory limit is declared",
        ..CLEAN
    },
    Case {
        name: "no CPU limit",
        change: |config| *cpu(config) = json!({}),
        lacks: UNMET,
        says: "no CPU limit is declared",
        ..CLEAN
    },
    Case {
        name: "no limits",
        change: |config| config["linux"]["resources"] = json!({}),
        lacks: UNMET,
        says: "no memory limit is declared",
        ..CLEAN
    },
];

/// Without a named group nothing is known from the machine, so the files that the release shows inside count.
const UNNAMED: Case = Case {
    name: "control groups mounted, and none named",
    change: |config| {
        with_control_groups(config);
        config["linux"].as_object_mut().unwrap().remove("cgroupsPath");
    },
    says: "no CPU quota was observed",
    ..CLEAN
};

/// Cases with measured processor time. A sandbox gets about as much as its limit; more would be unmet.
const MEASURED: &[Case] = &[
    Case { name: "half a processor, measured", words: MEASURE, ..HALF },
    Case {
        name: "one and a half processors, measured",
        change: |config| cpu(config)["quota"] = json!(150_000),
        words: MEASURE,
        ..CLEAN
    },
    Case {
        name: "no CPU limit, measured",
        change: |config| *cpu(config) = json!({}),
        words: MEASURE,
        lacks: UNMET,
        says: "no CPU limit is declared",
        ..CLEAN
    },
];

/// Only runsc has this flag.
const IGNORED: Case = Case {
    name: "control groups ignored",
    told: &["--ignore-cgroups"],
    lacks: UNMET,
    says: "does not reach the sandbox: `--ignore-cgroups` tells the runtime to ignore control groups",
    ..CLEAN
};

/// A runtime that makes another group than the configuration says, without its quota. Only the measurement shows
/// this.
const WITHHELD: Case = Case {
    name: "half a processor that is not applied, measured",
    lacks: UNMET,
    says: "the declared CPU limit does not reach the sandbox",
    words: MEASURE,
    ..HALF
};

/// Returns the rows that hold on a busy machine.
pub(super) fn rows() -> Vec<Row> {
    let of_world = |world: World| {
        let ignored = world.gvisor.then_some(&IGNORED);
        let shows_a_quota = !world.gvisor || world.name.contains("2026");
        let unnamed =
            if shows_a_quota { Case { says: "the sandbox shows them", ..UNNAMED } } else { UNNAMED };
        let cases = CASES.iter().chain(MEASURED).chain(ignored).copied().chain([unnamed]).map(|case| {
            let world = world.clone();
            let skipped = world.missing.is_some();
            let name = format!("limits, {}: {}", world.name, case.name);
            Row { skipped, ..row(name, move || comes_out(&world, case)) }
        });
        cases.collect::<Vec<_>>()
    };
    limited().flat_map(of_world).collect()
}

/// Returns the rows that need idle processors.
pub(super) fn rows_on_an_idle_machine() -> Vec<Row> {
    let of_world = |world: World| {
        let withholding = World { runtime: world.runtime.as_deref().map(withholding), ..world.clone() };
        let skipped = world.missing.is_some();
        let name = format!("limits, {}: {}", world.name, WITHHELD.name);
        Row { skipped, ..measured::row(name, move || withheld(&withholding)) }
    };
    limited().map(of_world).collect()
}

fn limited() -> impl Iterator<Item = World> {
    let worlds = worlds::all().unwrap_or_default().into_iter().filter(|world| world.name != "no sandbox");
    worlds.filter(is_first_of_its_release)
}

/// True for one platform of each release: limits are the same on every platform.
pub(super) fn is_first_of_its_release(world: &World) -> bool {
    !world.gvisor || !world.name.ends_with("ptrace") || world.name.contains("2022")
}

fn memory(config: &mut Value) -> &mut Value {
    &mut config["linux"]["resources"]["memory"]
}

fn cpu(config: &mut Value) -> &mut Value {
    &mut config["linux"]["resources"]["cpu"]
}

fn with_control_groups(config: &mut Value) {
    let mounts = [
        json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"] }),
        json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"] }),
    ];
    config["mounts"].as_array_mut().unwrap().extend(mounts);
}

fn withholding(runtime: &str) -> String {
    let spoilt = r#"s/"quota":50000/"quota":-1/; s/podproof-stage-/podproof-stage-other-/"#;
    let script = format!(
        "for word; do [ ! -f $word/config.json ] || sed -i '{spoilt}' $word/config.json; done; exec {runtime} \"$@\""
    );
    format!("sh -c {} withholding", shlex::try_quote(&script).unwrap())
}

/// Returns an error if the measurement does not show the missing quota. Only processor time beyond the quota does,
/// and a busy machine gives none.
fn withheld(world: &World) -> Result<(), String> {
    let ended = verified(world, &WITHHELD);
    let finding = ended.finding("resource-limits");
    if finding["outcome"] != "unmet" {
        return Err(format!("the missing quota does not show: {finding:#}"));
    }
    assert_lacks(&ended, world, &WITHHELD);
    let shown =
        finding["evidence"].as_array().unwrap().iter().map(|citation| citation["source"].as_str().unwrap());
    assert_eq!(shown.collect::<Vec<_>>(), ["bundle", "processor-share"], "{finding:#}");
    Ok(())
}

fn comes_out(world: &World, case: Case) {
    assert_lacks(&verified(world, &case), world, &case);
}

fn verified(world: &World, case: &Case) -> Ended {
    let ground = Ground::beside_others();
    let folder = ground.path().join("mine");
    fs::create_dir_all(folder.join("rootfs/sys")).unwrap();
    bundle::write(&folder, case.change);
    let network = if world.gvisor { " --network=none" } else { "" };
    let runtime = format!("{}{network} {}", world.runtime.as_deref().unwrap(), case.told.join(" "));
    let words = ["verify", "--local", "--quiet", "--environment", "production", "--output", "json"];
    let ours = ["--runtime", &runtime, "--bundle", folder.to_str().unwrap()];
    let ended = run::run(&[&words[..], &ours, case.words].concat(), ground.path(), &[]);
    assert_eq!(ground.leftovers(&["mine"]), [""; 0], "{ended:#?}");
    ended
}

fn assert_lacks(ended: &Ended, world: &World, case: &Case) {
    let no_gvisor = [
        ("least-privilege", "unmet"),
        ("runtime-isolation", "unmet"),
        ("system-information-hidden", "unmet"),
    ];
    let always = if world.gvisor { &[("runtime-hardening", "unmet")][..] } else { &no_gvisor };
    let expected: BTreeMap<_, _> =
        case.lacks.iter().chain(always).map(|&(id, outcome)| (id.to_owned(), outcome.to_owned())).collect();
    let lacking = ended.lacking();
    let finding = ended.finding("resource-limits");
    let because = finding["because"].as_str().unwrap();
    let mut evidence = finding["evidence"].as_array().unwrap().iter();
    let measured = evidence.find(|citation| citation["source"] == "processor-share");
    let got = measured.map_or("not measured", |citation| citation["text"].as_str().unwrap());
    _ = writeln!(std::io::stderr(), "{} | {} | {because} | {got}", case.name, world.name);
    assert_eq!(lacking, expected, "{}: {finding:#}", case.name);
    assert!(because.contains(case.says), "{}: {because}", case.name);
}
