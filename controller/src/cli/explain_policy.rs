//! `controller explain-policy`: the traffic that policies let pass to and from each workload, by which rule.

use std::time::Duration;

use clap::{Args, ValueEnum};
use proto::Protocol;
use tokio::time::timeout;

use super::{
    args::{
        cluster::{Cluster, Namespaces},
        output::width,
    },
    block_on,
    console::print,
    error::CommandError,
    verify::time,
};
use crate::{
    case::{cluster::kind_and_name, policy::Transport},
    judge::exit::Exit,
    plan::{
        self,
        endpoint::{self, Host},
    },
    report::explained::{Explained, Question},
    run::{
        RunError,
        cluster::{connect, survey::reading},
    },
};

/// Time for the answers of the API server by default.
const TIMEOUT: &str = "30s";

/// Explains by which policy and rule traffic may leave and enter each workload; creates nothing
#[derive(Args, Debug)]
#[command(
    mut_args(|argument| argument.help_heading(None::<&str>)),
    mut_arg("namespace", |argument| argument.required(true)),
    mut_arg("control_namespace", |argument| argument.hide(true)),
    after_help = "Examples:\n  controller explain-policy --namespace shop\n  controller explain-policy --namespace shop \
    deployment/web --to 169.254.169.254:80\n  controller explain-policy --namespace shop --output json\n\nThe answer is the \
    declaration: `controller verify` shows if the network enforces it. The kinds that are \
    not evaluated are named, and every verdict beside them is left to a run.\n\nExit codes: 0 explained, 2 wrong usage, 4 the cluster \
    could not be read"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    namespaces: Namespaces,
    #[command(flatten)]
    cluster: Cluster,
    /// The workloads to explain [default: all]
    #[arg(value_name = "KIND/NAME", value_parser = kind_and_name)]
    workloads: Vec<(String, String)>,
    /// An address outside of the cluster's pods: say if traffic to it may leave; may be repeated
    #[arg(long = "to", value_name = "ADDRESS:PORT[/udp]", value_parser = question)]
    questions: Vec<Question>,
    /// The form of the answer
    #[arg(long, short, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// Time for all answers of the API server
    #[arg(long, value_name = "TIME", value_parser = time, default_value = TIMEOUT)]
    timeout: Duration,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Tables for people
    Text,
    /// A document for programs
    Json,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let namespace = match self.namespaces.required() {
            Ok(namespace) => namespace.to_owned(),
            Err(refused) => return refused.tell(),
        };
        block_on(async {
            let login = self.cluster.login();
            let read = async {
                let connection = connect::connect(&login).await?;
                Box::pin(reading::read(&connection.client, &namespace)).await
            };
            let reading = timeout(self.timeout, Box::pin(read)).await.map_err(|_| RunError::NoAnswer)??;
            if let Some((kind, name)) = self.workloads.iter().find(|asked| !reading.has(asked)) {
                let missing = plan::cluster::Error::NothingAlike(format!("{kind}/{name}"));
                return Err(RunError::from(missing).into());
            }
            let explained = Explained::of(&reading, &self.workloads, &self.questions);
            Ok(print(&match self.output {
                Form::Text => explained.text(width()),
                Form::Json => explained.json().map_err(CommandError::Encode)?,
            }))
        })
    }
}

/// Parses a question for an address. A name is refused: only a sandbox knows the addresses that it looks up.
fn question(text: &str) -> Result<Question, String> {
    let wanted = "give ADDRESS:PORT, with /udp for UDP: 169.254.169.254:80, [2001:db8::7]:53/udp";
    let asked = endpoint::target(text).map_err(|_| wanted)?;
    match (asked.host, asked.port) {
        (Host::Address(address), Some(port)) => Ok(Question {
            address,
            port,
            transport: match asked.protocol {
                Some(Protocol::Udp | Protocol::Dns) => Transport::Udp,
                _ => Transport::Tcp,
            },
        }),
        _ => Err(wanted.to_owned()),
    }
}
