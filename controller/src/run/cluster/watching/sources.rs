//! The kinds that are watched, each with the view of its objects. Policies are watched by their metadata alone: the generation tells
//! a change of what they declare.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{Node, Pod, PodTemplate, ReplicationController},
        networking::v1::NetworkPolicy,
        node::v1::RuntimeClass,
    },
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    core::PartialObjectMeta,
    runtime::watcher::{self, Config, Event, watcher},
};

use super::{Scope, views};
use crate::{plan::renewal::Record, run::cluster::survey::OtherKinds};

/// The objects of a page of a list.
const PAGE: u32 = 100;

/// The events of a watch.
pub(super) type Objects = Pin<Box<dyn Stream<Item = watcher::Result<Event<DynamicObject>>> + Send>>;
/// Begins a watch with a list of its own.
pub(super) type Begin = Box<dyn Fn() -> Objects + Send + Sync>;
/// The title of an object, and its record; `None` for an object without one.
pub(super) type View = Box<dyn Fn(&DynamicObject) -> (String, Option<Record>) + Send + Sync>;

/// A kind that is watched in one place.
pub(super) struct Source {
    /// The kind's plural and its place, in words.
    pub(super) title: String,
    pub(super) begin: Begin,
    pub(super) view: View,
}

/// Returns every kind that a run of the namespace depends on.
pub(super) fn all(client: &Client, scope: &Scope, kinds: &OtherKinds) -> Vec<Source> {
    let mut sources = vec![
        whole::<Node>(client, views::node(scope.pool_label.clone(), scope.startup_taint.clone())),
        whole::<RuntimeClass>(client, Box::new(views::runtime_class)),
        workloads::<Pod>(client, scope, Box::new(views::pod)),
        workloads::<Deployment>(client, scope, views::template("deployment", "/spec/template")),
        workloads::<ReplicaSet>(client, scope, views::template("replicaset", "/spec/template")),
        workloads::<StatefulSet>(client, scope, views::template("statefulset", "/spec/template")),
        workloads::<DaemonSet>(client, scope, views::template("daemonset", "/spec/template")),
        workloads::<ReplicationController>(
            client,
            scope,
            views::template("replicationcontroller", "/spec/template"),
        ),
        workloads::<Job>(client, scope, views::template("job", "/spec/template")),
        workloads::<CronJob>(client, scope, views::template("cronjob", "/spec/jobTemplate/spec/template")),
        workloads::<PodTemplate>(client, scope, views::template("podtemplate", "/template")),
    ];
    let places: Vec<_> = std::iter::once(&scope.namespace).chain(&scope.control).collect();
    let own = ApiResource::erase::<NetworkPolicy>(&());
    sources.extend(places.iter().map(|place| policies(client, &own, Some(place))));
    for (resource, is_namespaced) in kinds.watched() {
        if is_namespaced {
            sources.extend(places.iter().map(|place| policies(client, resource, Some(place))));
        } else {
            sources.push(policies(client, resource, None));
        }
    }
    sources
}

/// Watches a kind of the whole cluster.
fn whole<K: Resource<DynamicType = ()>>(client: &Client, view: View) -> Source {
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    Source { title: resource.plural, begin: Box::new(move || watcher(api.clone(), config()).boxed()), view }
}

/// Watches a kind of the judged namespace.
fn workloads<K>(client: &Client, scope: &Scope, view: View) -> Source
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &scope.namespace, &resource);
    let title = format!("{} of {}", resource.plural, scope.namespace);
    Source { title, begin: Box::new(move || watcher(api.clone(), config()).boxed()), view }
}

/// Watches policies, or the objects that give them their meaning; `None` for those of the whole cluster.
fn policies(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> Source {
    let api: Api<PartialObjectMeta<DynamicObject>> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let kind = resource.clone();
    // The watched metadata has the form of an object without content.
    let object = |it: PartialObjectMeta<DynamicObject>| DynamicObject {
        types: None,
        metadata: it.metadata,
        data: serde_json::Value::Null,
    };
    let begin = move || watcher(api.clone(), config()).map_ok(move |event| mapped(event, object)).boxed();
    let title =
        [Some(format!("{}.{}", resource.plural, resource.group)), namespace.map(|it| format!(" of {it}"))];
    let title = title.into_iter().flatten().collect();
    Source { title, begin: Box::new(begin), view: Box::new(move |object| views::policy(&kind, object)) }
}

fn mapped<A, B>(event: Event<A>, map: impl Fn(A) -> B) -> Event<B> {
    match event {
        Event::Apply(object) => Event::Apply(map(object)),
        Event::Delete(object) => Event::Delete(map(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(map(object)),
        Event::InitDone => Event::InitDone,
    }
}

fn config() -> Config {
    Config::default().page_size(PAGE)
}
