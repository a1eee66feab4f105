//! `controller rbac`: prints the roles that a run needs, for `kubectl apply`.

use clap::Args;

use super::{args::cluster::Namespaces, console::print};
use crate::{
    judge::exit::Exit,
    run::cluster::permission::{Extent, Subject, roles},
};

/// Prints the minimal roles for a run, with the purpose of each rule and the loss without it
#[derive(Args, Debug)]
#[command(
    mut_args(|argument| argument.help_heading(None::<&str>)),
    mut_arg("namespace", |argument| argument.required(true)),
    after_help = "Examples:\n  controller rbac --namespace shop | kubectl apply -f -\n  controller rbac --namespace shop \
    --control-namespace podproof --cluster --service-account ci:gate\n\nExit codes: 0 done, 2 wrong usage, 4 could not write"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    namespaces: Namespaces,
    /// Also print roles for objects of the whole cluster: nodes, RuntimeClasses, other kinds of policies
    #[arg(long)]
    cluster: bool,
    /// Also print the permission of a run with `--live`, which changes running pods
    #[arg(long)]
    live: bool,
    /// Also print the permissions of `controller watch`, which keeps its Lease in this namespace, that of its --publish [default:
    /// not printed]
    #[arg(long, value_name = "NAMESPACE")]
    watch: Option<String>,
    /// Also print the permission of `controller watch --remove-taint`, which changes nodes
    #[arg(long, requires = "watch", requires = "cluster")]
    remove_taint: bool,
    /// Also bind the roles to this service account, such as ci:gate [default: print no bindings]
    #[arg(long, value_name = "NAMESPACE:NAME", value_parser = subject)]
    service_account: Option<Subject>,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let namespace = match self.namespaces.required() {
            Ok(namespace) => namespace,
            Err(refused) => return refused.tell(),
        };
        let text = roles(
            namespace,
            self.namespaces.control_namespace.as_deref(),
            Extent {
                cluster: self.cluster,
                live: self.live,
                watch: self.watch.as_deref(),
                startup_taint: self.remove_taint,
            },
            self.service_account.as_ref(),
        );
        print(&text)
    }
}

pub(super) fn subject(text: &str) -> Result<Subject, String> {
    match text.split_once(':') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok(Subject { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("give NAMESPACE:NAME, such as ci:gate".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{judge::catalogue, run::cluster::permission};

    #[test]
    fn a_missing_permission_names_requirements_of_the_catalogue() {
        for permission in permission::all(true) {
            for id in permission.without.requirements() {
                assert!(catalogue::ALL.iter().any(|it| it.id == *id), "{}: {id}", permission.resource);
            }
        }
    }
}
