//! The cost of a run: against the same runtime with a program that does nothing, and inside the sandbox. It prints
//! ratios and sizes, and judges nothing, because speed depends on the machine too.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on ends here")]

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use stage::{Ground, bundle, controller, run, trace, worlds};

const RUNS: usize = 15;

/// The leanest other tools that look for gVisor from inside, as measured in 2026-11 in the sandboxes of these tests:
/// system calls on the machine's own kernel, and wall time in runsc of 2026 on systrap.
const OTHERS: &[(&str, u32, u32)] = &[
    ("a static program that does nothing", 3, 7),
    ("am-i-isolated, which reads /proc/cmdline", 1_518, 21),
    ("sandbox-probe, its sandbox task alone, which reads /proc/version", 542, 49),
    ("kdigger, two buckets, which looks for a folder of 2018", 548, 80),
];

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    if let Some(missing) = worlds::missing() {
        return writeln!(out, "nothing measured: {missing}");
    }
    if let Some(probe) = std::env::var_os("PODPROOF_STATIC_PROBE") {
        writeln!(out, "size of the probe: {} KB", fs::metadata(probe)?.len() / 1000)?;
    }
    for world in worlds::all().unwrap_or_default() {
        let Some(runtime) = world.runtime.filter(|_| world.gvisor && world.missing.is_none()) else {
            continue;
        };
        let runtime = format!("{runtime} --network=none");
        let ground = Ground::new();
        bundle::write(ground.path(), |config| config["process"]["args"] = serde_json::json!(["/bin/app"]));
        nothing(&ground.path().join("rootfs/bin/app"))?;
        // In pairs, so that changes of the machine's load affect both.
        let pairs: Vec<_> = (0..RUNS).map(|_| (whole(&runtime, &ground), bare(&runtime, &ground))).collect();
        let ratio = median(pairs.iter().map(|((whole, _), bare)| whole.as_secs_f64() / bare.as_secs_f64()));
        let gather = median(pairs.iter().map(|((_, gather), _)| gather.as_secs_f64() * 1000.0));
        let bare = median(pairs.iter().map(|(_, bare)| bare.as_secs_f64() * 1000.0));
        writeln!(
            out,
            "{}: verify takes {ratio:.2} times a bare run ({bare:.0} ms); from assignment to whole evidence {gather:.0} ms",
            world.name
        )?;
    }
    peak(&mut out)?;
    calls(&mut out)
}

/// Measures a whole run of the controller, and its part from the probe's first word to the closed evidence.
fn whole(runtime: &str, ground: &Ground) -> (Duration, Duration) {
    let started = Instant::now();
    let mut command = controller(&["verify", "--local", "--runtime", runtime]);
    let mut child = command.env("TMPDIR", ground.path()).stdout(Stdio::null()).spawn().unwrap();
    let mut gather = Duration::ZERO;
    let mut spoke = started;
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.contains("looks at") {
            spoke = Instant::now();
        } else if line.contains("is whole") {
            gather = spoke.elapsed();
        }
    }
    child.wait().unwrap();
    (started.elapsed(), gather)
}

fn bare(runtime: &str, ground: &Ground) -> Duration {
    let words: Vec<_> = runtime.split(' ').collect();
    let started = Instant::now();
    let status = Command::new(words.first().unwrap())
        .args(words.iter().skip(1))
        .arg("--root")
        .arg(ground.path().join("state"))
        .args(["run", "--bundle"])
        .arg(ground.path())
        .arg("bare")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    started.elapsed()
}

/// Writes a static program that does nothing.
fn nothing(program: &Path) -> io::Result<()> {
    let mut compiler = Command::new("cc")
        .args(["-static", "-nostdlib", "-x", "c", "-o"])
        .arg(program)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()?;
    let source = match std::env::consts::ARCH {
        "aarch64" => "void _start(void){__asm__(\"mov x8,#93; mov x0,#0; svc #0\");}",
        _ => "void _start(void){__asm__(\"mov $60,%eax; xor %edi,%edi; syscall\");}",
    };
    compiler.stdin.take().unwrap().write_all(source.as_bytes())?;
    assert!(compiler.wait()?.success());
    Ok(())
}

/// Measures the memory of the probe and of its worker, on the machine's own kernel.
fn peak(out: &mut impl Write) -> io::Result<()> {
    let ground = Ground::new();
    let probe = std::env::var("PODPROOF_STATIC_PROBE").unwrap_or_default();
    let runtime = format!("{} measure {probe} report", run::impostor().display());
    let mut command = controller(&["verify", "--local", "--quiet", "--runtime", &runtime]);
    command.env("TMPDIR", ground.path()).stdout(Stdio::null()).spawn()?.wait()?;
    writeln!(
        out,
        "peak memory of the probe and its worker: {} KB",
        fs::read_to_string(ground.path().join("peak"))?
    )
}

/// Counts the probe's requests to a kernel, beside those of other tools.
fn calls(out: &mut impl Write) -> io::Result<()> {
    let ground = Ground::new();
    let (_, calls) = trace::run(ground.path(), "nobody", &[]);
    writeln!(
        out,
        "system calls of the probe and its worker, with its attempts to reach targets: {}",
        calls.len()
    )?;
    for (name, calls, milliseconds) in OTHERS {
        writeln!(out, "  {name}: {calls}, and {milliseconds} ms in runsc of 2026 (measured 2026-11)")?;
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
