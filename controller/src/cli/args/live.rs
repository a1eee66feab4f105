//! The arguments that examine running pods in place.

use clap::Args;

use super::target::labels;
use crate::{
    case::cluster::Labels,
    plan::cluster::{Chosen, Live},
    run::cluster::VisitorsUser,
};

/// The default number of ended probes with which a pod is examined once more.
const MOST_EARLIER: usize = 3;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Examine running pods in place, each by an ephemeral container: one (one pod of each group), all, or pod/NAME, which may
    /// be repeated [default: no running pod is touched]
    #[arg(
        long,
        value_name = "PODS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "one",
        value_parser = chosen,
        requires = "namespace",
        conflicts_with = "wait_for_nodes",
        help_heading = "Running pods"
    )]
    live: Vec<Chosen>,
    /// The labels of the running pods that may be examined [default: any labels]
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = labels, requires = "live", help_heading = "Running pods")]
    selector: Option<Labels>,
    /// The ended probes of earlier runs with which a pod is left alone, since they stay in its status
    #[arg(long, value_name = "NUMBER", default_value_t = MOST_EARLIER, value_parser = most, help_heading = "Running pods")]
    live_max: usize,
    /// Examine pods with a memory limit, too, if nobody tells how much memory is left to them: a visit takes about 10 MiB, and the
    /// kernel ends a pod that needs more than its limit [default: such pods are left alone]
    #[arg(long, requires = "live", help_heading = "Running pods")]
    live_unmeasured: bool,
    /// Run the probe with the user of the pod's container, so that it sees more of the container's processes, and they of it
    /// [default: a user of its own]
    #[arg(long, requires = "live", help_heading = "Running pods")]
    live_uid: bool,
}

impl Arguments {
    /// Returns the running pods to examine; `None` without `--live`.
    pub(in crate::cli) fn live(&self) -> Option<Live> {
        let named = self.live.iter().filter_map(|chosen| match chosen {
            Chosen::Named(names) => Some(names.clone()),
            Chosen::One | Chosen::All => None,
        });
        let named: Vec<_> = named.flatten().collect();
        let chosen = if self.live.contains(&Chosen::All) {
            Chosen::All
        } else if named.is_empty() {
            self.live.first()?.clone()
        } else {
            Chosen::Named(named)
        };
        Some(Live {
            chosen,
            selector: self.selector.clone().unwrap_or_default(),
            most_earlier: self.live_max,
            unmeasured: self.live_unmeasured,
        })
    }

    pub(in crate::cli) const fn user(&self) -> VisitorsUser {
        if self.live_uid { VisitorsUser::OfTheContainer } else { VisitorsUser::Own }
    }
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match text {
        "one" => Ok(Chosen::One),
        "all" => Ok(Chosen::All),
        _ => match text.strip_prefix("pod/") {
            Some(name) if !name.is_empty() && !name.contains('/') => Ok(Chosen::Named(vec![name.to_owned()])),
            _ => Err("give one, all or pod/NAME".to_owned()),
        },
    }
}

fn most(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("give a number from 1 to 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[arg(long)]
        namespace: Option<String>,
        #[arg(long)]
        wait_for_nodes: bool,
        #[command(flatten)]
        live: Arguments,
    }

    fn parsed(words: &[&str]) -> Result<Option<Live>, clap::Error> {
        let words = ["verify", "--namespace", "shop"].iter().chain(words);
        Alone::try_parse_from(words).map(|alone| {
            let _ = (alone.namespace, alone.wait_for_nodes);
            alone.live.live()
        })
    }

    fn chosen(words: &[&str]) -> Option<Chosen> {
        parsed(words).unwrap().map(|live| live.chosen)
    }

    #[test]
    fn without_the_flag_no_running_pod_is_examined() {
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn the_flag_names_one_pod_of_each_group_all_or_single_pods() {
        assert_eq!(chosen(&["--live"]), Some(Chosen::One));
        assert_eq!(chosen(&["--live=all"]), Some(Chosen::All));
        let named = Some(Chosen::Named(vec!["a".into(), "b".into()]));
        assert_eq!(chosen(&["--live=pod/a", "--live=pod/b"]), named);
        assert!(parsed(&["--live=deployment/web"]).is_err() && parsed(&["--live=pod/"]).is_err());
    }

    #[test]
    fn further_flags_need_the_first() {
        assert!(parsed(&["--live-uid"]).is_err() && parsed(&["--live-unmeasured"]).is_err());
        assert!(parsed(&["--selector", "app=web"]).is_err());
        let live = parsed(&["--live", "--selector", "app=web"]).unwrap().unwrap();
        assert_eq!(live.selector, Labels::from([("app".into(), "web".into())]));
    }
}
