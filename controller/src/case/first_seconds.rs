//! The first seconds of a container, in which a network may be open that closes later.

use std::time::Duration;

/// The latest age of a container at which an attempt still belongs to its first seconds. The kubelet looks for new containers
/// once a second (`genericPlegRelistPeriod` in pkg/kubelet/kubelet.go) and then writes the pod's status; the exec that asks the
/// probe comes after that. An ordinary cluster needs up to 3 s, and a busy one a little more.
pub const FIRST_SECONDS: Duration = Duration::from_secs(5);

/// The latest time since the cluster showed the container as running, at which an attempt certainly belongs to the first
/// seconds. The cluster shows a container some seconds late, so that less of [`FIRST_SECONDS`] is left.
pub const SINCE_SHOWN: Duration = Duration::from_secs(2);

/// The time since the cluster showed the container, after which an attempt hardly belongs to the first seconds: the kubelet's
/// look alone may come a second late.
pub const HARDLY: Duration = Duration::from_secs(4);
