//! A pod of a group. Version 1 of the file writes its declarations in each group, version 2 its number among the cluster's pods.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::pod::PodView;
use crate::{
    case::cluster::{self, Cluster, Shared},
    evidence::saved::Error,
};

/// A pod or a pod template of a group.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum GroupPod {
    /// A pod of the cluster, by its place in the cluster's list.
    Numbered(usize),
    /// A pod that the cluster's list lacks.
    Own(Box<PodView>),
}

/// The places of pods in the cluster's list, by the addresses of the pods.
#[derive(Debug, Default)]
pub(in crate::evidence) struct Numbers(BTreeMap<usize, usize>);

/// Leaves the pods out of a group's conversion, which knows no list of the cluster.
pub(super) fn apart<A, B>(_: Vec<A>) -> Vec<B> {
    Vec::new()
}

impl Numbers {
    pub(in crate::evidence) fn of(cluster: &Cluster) -> Self {
        Self(cluster.pod_views.iter().enumerate().map(|(number, pod)| (pod.address(), number)).collect())
    }

    pub(super) fn saved(&self, pod: Shared<cluster::PodView>) -> GroupPod {
        match self.0.get(&pod.address()) {
            Some(number) => GroupPod::Numbered(*number),
            None => GroupPod::Own(Box::new(pod.into())),
        }
    }
}

impl GroupPod {
    /// Returns the pod. Refuses a number that the cluster's list lacks.
    pub(super) fn restore(self, cluster: &Cluster) -> Result<Shared<cluster::PodView>, Error> {
        match self {
            Self::Numbered(number) => {
                cluster.pod_views.get(number).cloned().ok_or(Error::NoSuchPod { number })
            }
            Self::Own(pod) => Ok((*pod).into()),
        }
    }
}

impl<'de> Deserialize<'de> for GroupPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrPod)
    }
}

/// Reads either form directly; a generic untagged enum would keep each pod in memory twice.
struct NumberOrPod;

impl<'de> Visitor<'de> for NumberOrPod {
    type Value = GroupPod;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a pod or its number")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<GroupPod, E> {
        usize::try_from(number).map(GroupPod::Numbered).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GroupPod, A::Error> {
        PodView::deserialize(MapAccessDeserializer::new(map)).map(Box::new).map(GroupPod::Own)
    }
}
