//! The cluster of the tests as a program: `cluster up` keeps a cluster for a person to try things in, `cluster shell` opens
//! a shell in the network of that cluster, and `cluster down` removes everything that a killed cluster left. `guard` and
//! `hold` are for the program itself. `cluster simulate` keeps a cluster of simulated nodes, in which `cluster shell` works too.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::sys::signal::{SigSet, Signal};
use stage::cluster::{self, Cluster, Crowd, Options, SimulatedNodes};

const USAGE: &str = "usage: cluster up [--showcase] [--state FOLDER] [--one-node] [--not-enforced] | \
                     cluster simulate NODES [POLICIES] | cluster shell [COMMAND] | cluster down FOLDER";

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["up", options @ ..] => up(options),
        ["simulate", nodes] => simulate(nodes, "1"),
        ["simulate", nodes, policies] => simulate(nodes, policies),
        ["shell"] => Err(cluster::shell(None)),
        ["shell", command] => Err(cluster::shell(Some(command))),
        ["down", state] => cluster::down(Path::new(state)),
        ["hold", state, name] => cluster::hold(Path::new(state), name),
        ["guard", state, places @ ..] => {
            let places: Vec<_> = places.iter().map(|name| (*name).to_owned()).collect();
            cluster::guard(Path::new(state), &places)
        }
        _ => Err(io::Error::other(USAGE)),
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    _ = writeln!(io::stderr(), "cluster: {error}");
    ExitCode::FAILURE
}

/// Starts a cluster of simulated nodes, prints how to use it, and keeps it until a signal comes.
fn simulate(nodes: &str, policies: &str) -> io::Result<()> {
    let number = |word: &str| word.parse::<usize>().map_err(|_| io::Error::other(USAGE));
    let crowd = Crowd::of(number(nodes)?, number(policies)?);
    let mut cluster = SimulatedNodes::start();
    cluster.grow(crowd);
    let ends = ends();
    ends.thread_block()?;
    let mut out = io::stdout();
    writeln!(out, "export {}={}", cluster::ATTACH, cluster.state().path().display())?;
    writeln!(
        out,
        "export KUBECONFIG={}  # the requests of this user are logged",
        cluster.kubeconfig().display()
    )?;
    writeln!(
        out,
        "The namespace `{}` has {} nodes with its pods; `{}` is for control pods.",
        cluster.judged(),
        crowd.nodes,
        cluster.control()
    )?;
    writeln!(out, "The cluster runs until Ctrl-C.")?;
    out.flush()?;
    ends.wait()?;
    ended(&cluster.stop())
}

fn ends() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect()
}

fn ended(left: &[String]) -> io::Result<()> {
    if left.is_empty() { Ok(()) } else { Err(io::Error::other(format!("this is left: {left:#?}"))) }
}

/// Starts a cluster, prints how to use it, and keeps it until a signal comes.
fn up(words: &[&str]) -> io::Result<()> {
    let mut options = Options::default();
    let (mut folder, mut showcase) = (None, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--showcase" => showcase = true,
            "--one-node" => options.second = false,
            "--not-enforced" => options.enforced = false,
            "--state" => folder = words.next().map(PathBuf::from),
            _ => return Err(io::Error::other(USAGE)),
        }
    }
    let ends = ends();
    let cluster = match folder {
        Some(folder) => Cluster::start_in(&folder, options),
        None => Cluster::start(options),
    };
    let commands = showcase.then(|| cluster.showcase());
    // Until here a signal ended this program, and with it the cluster.
    ends.thread_block()?;
    let mut out = io::stdout();
    writeln!(out, "export KUBECONFIG={}", cluster.kubeconfig().display())?;
    writeln!(
        out,
        "export {}={}  # tests use this cluster",
        cluster::ATTACH,
        cluster.state().path().display()
    )?;
    writeln!(
        out,
        "\nThe cluster runs until Ctrl-C. `make cluster-shell` in another terminal opens a shell in its network."
    )?;
    if let Some(commands) = commands {
        writeln!(
            out,
            "The namespace `shop` has a gVisor Deployment under default-deny. Every node has the probe's image."
        )?;
        writeln!(out, "Try the product on it:\n\n{}", commands.join("\n"))?;
    }
    out.flush()?;
    ends.wait()?;
    ended(&cluster.stop())
}
