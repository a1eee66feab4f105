//! The second reading of a cluster, after the probes were asked.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    Ground,
    survey::{self, Scope},
};
use crate::{
    case::{
        cluster::{Access, Bonds, Cluster, MadeBy, SecondReading, Unreadable},
        policy::Policies,
    },
    plan,
};

/// Time for the second reading, and the time that each pod of the first one adds.
const SECOND_READING: Duration = Duration::from_secs(10);
const SECOND_READING_EACH: Duration = Duration::from_millis(2);

fn time(cluster: &Cluster) -> Duration {
    SECOND_READING + SECOND_READING_EACH * u32::try_from(cluster.pod_views.len()).unwrap_or(u32::MAX)
}

/// Reads pods, Services, policies and the namespace's labels again, the nodes if a new or changed pod has one, and the makers of
/// workloads that came since. A request without an answer in time is unreadable.
pub(super) async fn second_reading(
    ground: &Ground<'_>,
    made: &BTreeSet<String>,
    deadline: Instant,
) -> SecondReading {
    let Ground { connection, cluster, kinds, pool_label, .. } = *ground;
    let control = cluster.control.as_ref().map(|control| control.name.as_str());
    let scope = Scope { namespace: &cluster.namespace, control, pool_label };
    let known = plan::cluster::Known::of(cluster);
    let reading = Box::pin(survey::later(&connection.client, &scope, kinds, (made, &known)));
    let time = time(cluster);
    let limit = Instant::now() + time;
    let why = if limit < deadline {
        format!("the API server did not answer within {} s", time.as_secs())
    } else {
        "the run's time was over".to_owned()
    };
    timeout_at(deadline.min(limit), reading).await.unwrap_or_else(|_| {
        let unread = |what| Unreadable { what, forbidden: false, message: why.clone() };
        let bonds = Bonds {
            labels: Err(unread(Access::get("namespaces"))),
            policies: Err(unread(Access::list("networkpolicies"))),
        };
        SecondReading {
            pods: Err(unread(Access::pods())),
            made_by: MadeBy::new(),
            services: Err(unread(Access::list("services"))),
            nodes: None,
            bonds,
            policies: Policies::default(),
            control: None,
        }
    })
}
