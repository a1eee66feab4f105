//! The Lease by which one of several replicas acts (kubernetes.io, "Leases"). A replica goes by its own clock alone: another holder's
//! time is up if the Lease has not changed for its whole duration.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams},
    runtime::wait::await_condition,
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::support::{clock, names::PRODUCT};

/// The time after which another replica takes a Lease that nobody renews.
const DURATION: Duration = Duration::from_mins(3);
/// The time by which a holder gives up before that: the other's clock, and a request that is under way.
const MARGIN: Duration = Duration::from_secs(30);
/// The time between two renewals: less than one request a minute.
const RENEWAL: Duration = Duration::from_secs(70);
/// The time between two attempts, and for the answer to one.
const RETRY: Duration = Duration::from_secs(10);

/// A replica that may hold the Lease.
#[derive(Clone)]
pub(crate) struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    namespace: String,
}

/// A Lease that this replica holds.
pub(crate) struct Held {
    candidate: Candidate,
    lease: Lease,
    /// The time of the next renewal.
    next: Instant,
    /// The time at which the Lease counts as lost.
    until: Instant,
}

/// Why a replica cannot ask for the Lease.
#[derive(Debug, thiserror::Error)]
#[error("failed to get the Lease {namespace}/{name}")]
pub(crate) struct LeaseError {
    namespace: String,
    name: String,
    source: Box<kube::Error>,
}

impl LeaseError {
    /// Returns true if the API server refused the request, so that a permission or the namespace is missing.
    pub(crate) fn is_refused(&self) -> bool {
        is_refusal(&self.source)
    }
}

/// Returns the name of the Lease for a judged namespace.
pub(crate) fn name(namespace: &str) -> String {
    format!("{PRODUCT}-watch-{namespace}")
}

// === impl Candidate ===

impl Candidate {
    /// Returns a replica, whose identity is another one for each process. `keeper` is the namespace of the Lease.
    pub(crate) fn new(client: Client, keeper: &str, judged: &str, identity: String) -> Self {
        let api = Api::namespaced(client, keeper);
        Self { api, name: name(judged), identity, namespace: keeper.to_owned() }
    }

    /// Finds out if the Lease can be read, and makes a free one if there is none.
    pub(crate) async fn find(&self) -> Result<(), LeaseError> {
        self.read().await.map(drop).map_err(|error| self.failed(error))
    }

    /// Waits until the Lease is free, and takes it. Only a refusal is an error: an API server that is away is asked again.
    pub(crate) async fn acquire(&self) -> Result<Held, LeaseError> {
        let mut known = None;
        loop {
            let lease = match known.take() {
                Some(lease) => lease,
                None => match self.read().await {
                    Ok(lease) => lease,
                    Err(error) if is_refusal(&error) => return Err(self.failed(error)),
                    Err(error) => {
                        tracing::warn!(%error, "the Lease {} is asked for again", self.name);
                        sleep(RETRY).await;
                        continue;
                    }
                },
            };
            if holder(&lease).is_none_or(|holder| holder == self.identity) {
                match self.take(&lease).await {
                    Ok(held) => return Ok(held),
                    Err(error) if is_refusal(&error) => return Err(self.failed(error)),
                    Err(_) => sleep(RETRY).await,
                }
                continue;
            }
            let version = lease.resource_version();
            let is_another =
                move |now: Option<&Lease>| now.and_then(ResourceExt::resource_version) != version;
            match timeout(life(&lease), await_condition(self.api.clone(), &self.name, is_another)).await {
                Ok(Ok(changed)) => known = changed,
                Ok(Err(_)) => sleep(RETRY).await,
                // Its holder has not renewed it. If it does now, the update meets another version.
                Err(_) => match self.take(&lease).await {
                    Ok(held) => return Ok(held),
                    Err(error) if is_refusal(&error) => return Err(self.failed(error)),
                    Err(_) => (),
                },
            }
        }
    }

    /// Reads the Lease, and makes a free one if there is none.
    async fn read(&self) -> Result<Lease, kube::Error> {
        if let Some(lease) = answered(self.api.get_opt(&self.name)).await? {
            return Ok(lease);
        }
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let free = Lease { metadata, spec: Some(LeaseSpec::default()) };
        answered(self.api.create(&PostParams::default(), &free)).await
    }

    async fn take(&self, lease: &Lease) -> Result<Held, kube::Error> {
        let begun = Instant::now();
        let former = lease.spec.clone().unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            lease_transitions: Some(former.lease_transitions.unwrap_or_default().saturating_add(1)),
            acquire_time: now(),
            renew_time: now(),
            ..LeaseSpec::default()
        };
        let lease = self.replace(lease, spec).await?;
        Ok(Held { candidate: self.clone(), lease, next: begun + RENEWAL, until: begun + DURATION - MARGIN })
    }

    /// Updates the Lease at its known version.
    async fn replace(&self, lease: &Lease, spec: LeaseSpec) -> Result<Lease, kube::Error> {
        let new = Lease { spec: Some(spec), ..lease.clone() };
        answered(self.api.replace(&self.name, &PostParams::default(), &new)).await
    }

    fn failed(&self, source: kube::Error) -> LeaseError {
        LeaseError { namespace: self.namespace.clone(), name: self.name.clone(), source: Box::new(source) }
    }
}

// === impl Held ===

impl Held {
    /// Renews the Lease until it is lost. Dropped in the middle, the call may be made again.
    pub(crate) async fn lost(&mut self) {
        loop {
            sleep_until(self.next.min(self.until)).await;
            let begun = Instant::now();
            if begun >= self.until {
                return;
            }
            match timeout(RETRY, self.renew()).await {
                Ok(Ok(true)) => {
                    self.next = begun + RENEWAL;
                    self.until = begun + DURATION - MARGIN;
                }
                Ok(Ok(false)) => return,
                Ok(Err(_)) | Err(_) => self.next = Instant::now() + RETRY,
            }
        }
    }

    /// Renews the Lease once. Returns false if another replica holds it.
    async fn renew(&mut self) -> Result<bool, kube::Error> {
        let spec = LeaseSpec { renew_time: now(), ..self.lease.spec.clone().unwrap_or_default() };
        match self.candidate.replace(&self.lease, spec).await {
            Ok(lease) => {
                self.lease = lease;
                Ok(true)
            }
            // The answer to an earlier renewal may have been lost.
            Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => {
                let lease = self.candidate.read().await?;
                let is_own = holder(&lease) == Some(&self.candidate.identity);
                self.lease = lease;
                // The next attempt renews it.
                if is_own { Err(kube::Error::Api(status)) } else { Ok(false) }
            }
            Err(error) => Err(error),
        }
    }

    /// Frees the Lease, so that another replica need not wait. Without an answer, it ends by itself.
    pub(crate) async fn release(self) {
        let spec = LeaseSpec { holder_identity: None, ..self.lease.spec.clone().unwrap_or_default() };
        _ = self.candidate.replace(&self.lease, spec).await;
    }
}

/// Returns the answer to a request; an error if none comes in time, as over a connection whose other end is gone.
async fn answered<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    match timeout(RETRY, request).await {
        Ok(answer) => answer,
        Err(late) => Err(kube::Error::Service(late.into())),
    }
}

/// Returns the holder of a Lease; `None` for a free one.
fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// Returns the time after which a Lease that does not change is free.
fn life(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    seconds.and_then(|seconds| seconds.try_into().ok()).map_or(DURATION, Duration::from_secs)
}

/// True for an answer that a further attempt does not change.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if [401, 403, 404].contains(&status.code))
}

fn now() -> Option<MicroTime> {
    Timestamp::from_second(clock::now().try_into().ok()?).ok().map(MicroTime)
}
