//! `controller cleanup`: finds the objects of earlier runs by their label and their shape, and removes them.

use std::fmt::Write;

use clap::Args;

use super::{
    args::cluster::{Cluster, Namespaces, Patience},
    block_on,
    console::print,
    error::CommandError,
    within,
};
use crate::{
    judge::exit::Exit,
    run::{
        RunError,
        cluster::{
            connect::{self, Connection},
            pods::{self, Found, Listed},
        },
    },
    support::printable,
};

/// Finds the objects that earlier runs left in a namespace, and removes them
#[derive(Args, Debug)]
#[command(
    mut_args(|argument| argument.help_heading(None::<&str>)),
    mut_arg("namespace", |argument| argument.required(true)),
    after_help = "Examples:\n  controller cleanup --namespace shop --control-namespace podproof --dry-run\n  controller \
    cleanup --namespace shop --run podproof-0a1b2c3d\n\nA run that is still in progress loses its probes, too; --run limits \
    the search to one run. Objects that bear the label `podproof.dev/run` and were not created by a run are named and left alone.\n\nExit codes: 0 nothing is left, 2 wrong usage, 4 the cluster could not be read, 6 something \
    is left"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    namespaces: Namespaces,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    patience: Patience,
    /// The run whose objects are searched for, such as podproof-0a1b2c3d [default: every run]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// List the objects and remove none
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let namespace = match self.namespaces.required() {
            Ok(namespace) => namespace,
            Err(refused) => return refused.tell(),
        };
        let login = self.cluster.clone().login();
        block_on(async {
            let connection = within(self.patience, connect::connect(&login)).await?;
            let connection = connection.map_err(RunError::from)?;
            let mut text = String::new();
            let mut is_left = false;
            let mut unread = None;
            for namespace in
                [Some(namespace), self.namespaces.control_namespace.as_deref()].into_iter().flatten()
            {
                match self.clean(&connection, namespace, &mut text).await {
                    Ok(left) => is_left |= left,
                    // The other namespace is cleaned all the same.
                    Err(error) => unread = unread.or(Some(error)),
                }
            }
            if text.is_empty() && unread.is_none() {
                text.push_str("nothing is left of earlier runs\n");
            }
            let printed = print(&text);
            match unread {
                Some(error) => Err(error),
                None => Ok(if printed == Exit::Ready && is_left { Exit::Leftovers } else { printed }),
            }
        })
    }

    /// Removes the objects in one namespace, and tells each of them in the text. Returns true if an object is left.
    async fn clean(
        &self,
        connection: &Connection,
        namespace: &str,
        text: &mut String,
    ) -> Result<bool, CommandError> {
        let found = within(self.patience, pods::found(&connection.client, namespace)).await?;
        let Listed { own: found, others } = found
            .map_err(|source| RunError::Find { namespace: namespace.to_owned(), source: Box::new(source) })?;
        let asked_for = |found: &Found| self.run.as_ref().is_none_or(|run| found.run == *run);
        let found: Vec<_> = found.into_iter().filter(asked_for).collect();
        let failures = if self.dry_run {
            Vec::new()
        } else {
            pods::remove_found(&connection.client, namespace, &found).await
        };
        let verb = if self.dry_run { "found" } else { "removed" };
        let told = found.iter().filter(|found| !failures.iter().any(|(name, _)| *name == found.name));
        for Found { kind, name, .. } in told {
            let name = printable::line(name);
            // Writing to a string does not fail.
            _ = writeln!(text, "{verb} {kind}/{name} in namespace {namespace}");
        }
        for (name, why) in &failures {
            let (name, why) = (printable::line(name), printable::line(why));
            _ = writeln!(text, "failed to remove {name} in namespace {namespace}: {why}");
        }
        for (kind, name) in others.iter().filter(|_| self.run.is_none()) {
            let name = printable::line(name);
            let why = "bears the label podproof.dev/run, and no run created it";
            _ = writeln!(text, "left alone {kind}/{name} in namespace {namespace}: it {why}");
        }
        Ok(!failures.is_empty() || (self.dry_run && !found.is_empty()))
    }
}
