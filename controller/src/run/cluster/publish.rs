//! The published proof of a run: one ConfigMap, which the gate of a namespace reads.

use std::{collections::BTreeMap, time::Duration};

use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ObjectReference};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
    client::Body,
};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{
    connect::{self, ConnectError, Login, refusal},
    pods::again,
    server_time::{self, Start},
};
use crate::support::{names::PRODUCT, proof};

/// The largest answer that is read. A ConfigMap is at most 1 MiB (kubernetes.io, "`ConfigMaps`").
const MOST: usize = 4 << 20;

/// Time for a look at the place of a proof.
const LOOK: Duration = Duration::from_secs(10);

/// The pause before a proof that another one wrote is read again.
const PAUSE: Duration = Duration::from_millis(100);
/// The time for the answer to a question that a new proof makes needless.
const PATIENCE: Duration = Duration::from_secs(10);

/// A proof and its place.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    /// The namespace that was judged.
    pub(crate) namespace: String,
    /// The namespace that keeps the proof.
    pub(crate) keeper: String,
    /// The name of the ConfigMap.
    pub(crate) name: String,
    /// Keys whose change is news.
    pub(crate) content: BTreeMap<String, String>,
    /// Keys that are others in each run.
    pub(crate) origin: BTreeMap<String, String>,
    /// The time that the proof is good for.
    pub(crate) life: Duration,
}

impl Publication {
    /// Returns true if the proof opens a gate.
    fn passes(&self) -> bool {
        self.content.get(proof::VERDICT).is_some_and(|verdict| proof::PASSING.contains(&verdict.as_str()))
    }
}

/// A proof that the cluster keeps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    /// The object of the proof.
    pub(crate) object: ObjectReference,
    /// True if the kept proof had another verdict, or none.
    pub(crate) is_news: bool,
    /// False if the kept proof says the same and is younger than half of its life, so that it stays.
    pub(crate) written: bool,
    /// The end of the proof.
    pub(crate) expires: Timestamp,
    /// The time until that end, by the API server's clock.
    pub(crate) left: Duration,
    /// The whole life of the proof.
    pub(crate) life: Duration,
}

/// Why a proof was not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("failed to connect to the cluster")]
    Connect(#[from] ConnectError),
    #[error("the namespace {keeper} has no ConfigMap {name} for the proof")]
    NoPlace { keeper: String, name: String },
    #[error("failed to read the proof {keeper}/{name}")]
    Read { keeper: String, name: String, source: Box<kube::Error> },
    #[error("the API server did not tell its time")]
    NoTime,
    #[error("the proof {keeper}/{name} is of a run that began later than this one")]
    Younger { keeper: String, name: String },
    #[error("failed to write the proof {keeper}/{name}")]
    Write { keeper: String, name: String, source: Box<kube::Error> },
}

// === impl PublishError ===

impl PublishError {
    /// Returns true if the place of the proof is missing or may not be read, so that a later attempt fails, too.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::NoPlace { .. } => true,
            Self::Read { source, .. } | Self::Write { source, .. } => {
                matches!(&**source, kube::Error::Api(status) if status.code == 403)
            }
            Self::Connect(_) | Self::NoTime | Self::Younger { .. } => false,
        }
    }
}

/// Looks at the place of the proof of a namespace, before a run is made for it.
pub(super) async fn look(client: &Client, keeper: &str, namespace: &str) -> Result<(), PublishError> {
    let name = proof::name(namespace);
    place(client, (keeper, &name), Instant::now() + LOOK).await.map(drop)
}

/// Publishes the proof of a run that began then, and asks again until the deadline where the API server is in trouble. The API
/// server's clock decides, since the gate goes by it, too.
pub(crate) async fn publish(
    login: &Login,
    publication: &Publication,
    deadline: Instant,
    start: Start,
) -> Result<Published, PublishError> {
    let client = connect::connect(login).await?.client;
    let mut news = None;
    loop {
        let (object, now) = place(&client, (&publication.keeper, &publication.name), deadline).await?;
        let now = now.ok_or(PublishError::NoTime)?;
        let verified = start.by(now).ok_or(PublishError::NoTime)?;
        let kept = object.data.as_ref();
        let Some(verified) = time(kept, publication, (verified, now)) else {
            let Publication { keeper, name, .. } = publication.clone();
            return Err(PublishError::Younger { keeper, name });
        };
        let of_kept = kept.and_then(|kept| kept.get(proof::VERDICT));
        let is_news = *news.get_or_insert(of_kept != publication.content.get(proof::VERDICT));
        let published = |written, expires| Published {
            object: object.object_ref(&()),
            is_news,
            written,
            expires,
            left: left(expires, now),
            life: publication.life,
        };
        if let Some((verified, expires)) = kept.and_then(|kept| still_good(kept, publication, now))
            && was_there(&client, &publication.namespace, verified).await
        {
            return Ok(published(false, expires));
        }
        let expires = verified.checked_add(publication.life).map_err(|_| PublishError::NoTime)?;
        let version = object.metadata.resource_version.as_deref();
        match write(&client, publication, version, (verified, expires), deadline).await {
            // Another run wrote meanwhile, or the answer to an earlier attempt was lost.
            Err(kube::Error::Api(status)) if status.code == 409 => sleep(PAUSE).await,
            Err(source) => {
                let (Publication { keeper, name, .. }, source) = (publication.clone(), Box::new(source));
                return Err(PublishError::Write { keeper, name, source });
            }
            Ok(()) => return Ok(published(true, expires)),
        }
    }
}

/// Returns the time of the proof for evidence that was verified then; `None` if the kept proof must stay. A run that began later may
/// have seen what this one did not. A proof that opens the gate never replaces the proof of that run. A proof that closes the gate is
/// always written, and takes the later time, so that no run in between opens the gate again.
fn time(
    kept: Option<&BTreeMap<String, String>>,
    publication: &Publication,
    (verified, now): (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let began = kept.and_then(|kept| began(kept, publication, now)).filter(|began| verified < *began);
    match began {
        Some(_) if publication.passes() => None,
        Some(began) => Some(began),
        None => Some(verified),
    }
}

/// Returns the time of a kept proof of another run; `None` without one, or for one that no clock of the cluster can have told yet.
fn began(
    kept: &BTreeMap<String, String>,
    Publication { origin, .. }: &Publication,
    now: Timestamp,
) -> Option<Timestamp> {
    let is_own = kept.get(proof::RUN) == origin.get(proof::RUN);
    let began = kept.get(proof::VERIFIED_AT).and_then(|time| time.parse::<Timestamp>().ok())?;
    let latest = now.checked_add(proof::SKEW).ok()?;
    (!is_own && began <= latest).then_some(began)
}

fn left(expires: Timestamp, now: Timestamp) -> Duration {
    expires.duration_since(now).try_into().unwrap_or_default()
}

/// Returns the object of the kept proof and the API server's time, which every answer bears; `None` if the answer bears none.
async fn place(
    client: &Client,
    (keeper, name): (&str, &str),
    deadline: Instant,
) -> Result<(ConfigMap, Option<Timestamp>), PublishError> {
    let (keeper, name) = (keeper.to_owned(), name.to_owned());
    match again::retry_until(deadline, || read(client, &keeper, &name)).await {
        Ok((Some(object), now)) => Ok((object, now)),
        Ok((None, _)) => Err(PublishError::NoPlace { keeper, name }),
        Err(source) => Err(PublishError::Read { keeper, name, source: Box::new(source) }),
    }
}

/// Reads the object of the proof, and the time of the answer. The object is `None` if it is not there.
async fn read(
    client: &Client,
    keeper: &str,
    name: &str,
) -> kube::Result<(Option<ConfigMap>, Option<Timestamp>)> {
    let path = format!("/api/v1/namespaces/{keeper}/configmaps/{name}");
    let answer = client.send(Request::get(path).body(Body::empty()).map_err(kube::Error::HttpError)?).await?;
    let now = server_time::of(&answer);
    if answer.status() == http::StatusCode::NOT_FOUND {
        return Ok((None, now));
    }
    let code = answer.status();
    let limited = http_body_util::Limited::new(answer.into_body(), MOST);
    let body = limited.collect().await.map_err(kube::Error::Service)?.to_bytes();
    if !code.is_success() {
        return Err(kube::Error::Api(refusal::status(code, &body).boxed()));
    }
    Ok((Some(serde_json::from_slice(&body).map_err(kube::Error::SerdeError)?), now))
}

/// Returns true if a namespace was there at a time; false if that cannot be told. The gate refuses a proof that is older than the
/// namespace, which somebody may have deleted and made again.
async fn was_there(client: &Client, namespace: &str, then: Timestamp) -> bool {
    let api = Api::<Namespace>::all(client.clone());
    let Ok(Ok(namespace)) = timeout(PATIENCE, api.get_metadata(namespace)).await else { return false };
    namespace.metadata.creation_timestamp.is_some_and(|created| created.0 <= then)
}

/// Returns the time and the end of a kept proof that says the same, and whose half life is not over. A signed proof is never kept in
/// place of a newer one: the older signature is over evidence that the run's own has replaced, and perhaps by another key. Neither is a
/// proof that closes the gate, whose time says which runs may open it.
fn still_good(
    kept: &BTreeMap<String, String>,
    publication: &Publication,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let Publication { content, origin, life, .. } = publication;
    if origin.contains_key(proof::BUNDLE_DIGEST) || !publication.passes() {
        return None;
    }
    let same = content.iter().all(|(key, value)| kept.get(key) == Some(value));
    let time = |key| kept.get(key).and_then(|time| time.parse::<Timestamp>().ok());
    let (verified, expires) = (time(proof::VERIFIED_AT)?, time(proof::EXPIRES_AT)?);
    // A proof from the future, or with another life than this run would give, is written anew.
    let as_long = verified.checked_add(*life).ok() == Some(expires);
    let half = verified.checked_add(*life / 2).ok()?;
    (same && as_long && verified <= now && now < half).then_some((verified, expires))
}

/// Writes the proof in place of a known version.
async fn write(
    client: &Client,
    Publication { keeper, name, content, origin, .. }: &Publication,
    version: Option<&str>,
    (verified, expires): (Timestamp, Timestamp),
    deadline: Instant,
) -> kube::Result<()> {
    let mut data: BTreeMap<_, _> = content.iter().chain(origin).collect();
    let (verified_at, expires_at) = (proof::VERIFIED_AT.to_owned(), proof::EXPIRES_AT.to_owned());
    let (verified, expires) = (verified.to_string(), expires.to_string());
    data.extend([(&verified_at, &verified), (&expires_at, &expires)]);
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": keeper, "resourceVersion": version },
        "data": data,
    });
    let params = PatchParams::apply(PRODUCT).force();
    let api = Api::<ConfigMap>::namespaced(client.clone(), keeper);
    let patch = Patch::Apply(&object);
    again::retry_until(deadline, || api.patch(name, &params, &patch)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn publication(verdict: &str) -> Publication {
        Publication {
            namespace: "shop".into(),
            keeper: "podproof".into(),
            name: proof::name("shop"),
            content: [(proof::VERDICT.to_owned(), verdict.to_owned())].into(),
            origin: BTreeMap::new(),
            life: DAY,
        }
    }

    fn kept(verified: &str, expires: &str) -> BTreeMap<String, String> {
        [(proof::VERDICT, "ready"), (proof::VERIFIED_AT, verified), (proof::EXPIRES_AT, expires)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn good(verdict: &str, (verified, expires): (&str, &str), now: &str) -> bool {
        still_good(&kept(verified, expires), &publication(verdict), now.parse().unwrap()).is_some()
    }

    const FRESH: (&str, &str) = ("2026-11-28T06:00:00Z", "2026-11-29T06:00:00Z");

    #[test]
    fn an_equal_proof_in_the_first_half_of_its_life_is_kept() {
        assert!(good("ready", FRESH, "2026-11-28T17:59:59Z"));
    }

    #[test]
    fn a_signed_proof_is_always_written() {
        let mut signed = publication("ready");
        signed.origin.insert(proof::BUNDLE_DIGEST.into(), "00".into());
        let now = "2026-11-28T17:59:59Z".parse().unwrap();
        assert!(still_good(&kept(FRESH.0, FRESH.1), &signed, now).is_none());
    }

    #[test]
    fn another_verdict_is_written_at_once() {
        assert!(!good("not-ready", FRESH, "2026-11-28T06:00:01Z"));
    }

    #[test]
    fn a_proof_past_half_of_its_life_is_written() {
        assert!(!good("ready", FRESH, "2026-11-28T18:00:00Z"));
    }

    #[test]
    fn a_proof_from_the_future_is_written() {
        assert!(!good("ready", FRESH, "2026-11-28T05:00:00Z"));
    }

    #[test]
    fn a_proof_with_another_life_is_written() {
        assert!(!good("ready", ("2026-11-28T06:00:00Z", "2027-11-29T06:00:00Z"), "2026-11-28T07:00:00Z"));
    }

    /// Returns the time of a proof with this verdict beside the kept proof of a run; this run began at six.
    fn time_beside(verdict: &str, run: &str, began: &str) -> Option<String> {
        let mut kept = kept(began, FRESH.1);
        kept.insert(proof::RUN.into(), run.into());
        let mut own = publication(verdict);
        own.origin.insert(proof::RUN.into(), "own".into());
        let stamp = |text: &str| text.parse::<Timestamp>().unwrap();
        let times = (stamp(FRESH.0), stamp("2026-11-28T06:05:00Z"));
        time(Some(&kept), &own, times).map(|time| time.to_string())
    }

    #[test]
    fn the_proof_of_a_run_that_began_later_stays_before_one_that_opens_the_gate() {
        assert_eq!(time_beside("ready", "another", "2026-11-28T06:00:01Z"), None);
        assert_eq!(time_beside("ready-with-warnings", "another", "2026-11-28T06:00:01Z"), None);
    }

    #[test]
    fn a_proof_that_closes_the_gate_is_written_with_the_later_time() {
        for verdict in ["not-ready", "undetermined"] {
            let time = time_beside(verdict, "another", "2026-11-28T06:00:01Z");
            assert_eq!(time.as_deref(), Some("2026-11-28T06:00:01Z"));
        }
    }

    #[test]
    fn the_proof_of_a_run_that_began_earlier_is_replaced() {
        let time = time_beside("ready", "another", "2026-11-28T05:59:59Z");
        assert_eq!(time.as_deref(), Some(FRESH.0));
    }

    #[test]
    fn a_time_in_the_future_counts_as_none_but_for_the_skew_of_clocks() {
        assert_eq!(time_beside("ready", "another", "2026-11-28T06:06:00Z"), None);
        assert_eq!(time_beside("ready", "another", "2026-11-28T06:06:01Z").as_deref(), Some(FRESH.0));
    }

    /// The API server tells its time in whole seconds, so that the start of one run may be told twice.
    #[test]
    fn the_own_proof_is_replaced() {
        assert_eq!(time_beside("ready", "own", "2026-11-28T06:00:01Z").as_deref(), Some(FRESH.0));
    }

    #[test]
    fn a_proof_that_closes_the_gate_is_never_kept_for_its_words() {
        let kept = kept(FRESH.0, FRESH.1);
        let closed: BTreeMap<_, _> =
            kept.into_iter().chain([(proof::VERDICT.to_owned(), "not-ready".to_owned())]).collect();
        let now = "2026-11-28T06:00:01Z".parse().unwrap();
        assert!(still_good(&closed, &publication("not-ready"), now).is_none());
    }

    #[test]
    fn a_place_without_a_proof_is_no_proof() {
        assert!(still_good(&BTreeMap::new(), &publication("ready"), Timestamp::UNIX_EPOCH).is_none());
    }
}
