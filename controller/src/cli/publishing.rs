//! The publication of a run's proof, after the report was written.

use std::time::Duration;

use tokio::time::Instant;

use super::{console::say, error::CommandError};
use crate::{
    report::{
        Report,
        proof::{Files, Pools, Proof},
    },
    run::cluster::{
        connect::Login,
        publish::{Publication, Published, publish},
        server_time::Start,
    },
    support::{
        clock,
        proof::{self, APART},
    },
};

/// The time for the publication.
const PATIENCE: Duration = Duration::from_secs(30);

/// The place of a proof.
#[derive(Clone, Debug)]
pub(super) struct Publishing {
    /// How the run logs in to the cluster.
    pub(super) login: Login,
    /// The namespace that was judged.
    pub(super) namespace: String,
    /// The namespace that keeps the proof.
    pub(super) keeper: String,
    /// The time that the proof is good for.
    pub(super) life: Duration,
}

impl Publishing {
    /// Publishes the proof of a run that began then, with the run's files.
    pub(super) async fn publish(
        &self,
        report: &Report,
        pools: &Pools,
        files: Files,
        start: Start,
    ) -> Result<Published, CommandError> {
        let proof = Proof::of(report, pools).ok_or(CommandError::NothingToPublish)?.with(files);
        if proof.lacks_its_bundle() {
            say("the attestation is too long for the proof, which has its SHA-256 alone: keep the file");
        }
        let Proof { content, origin } = proof;
        let publication = Publication {
            namespace: self.namespace.clone(),
            keeper: self.keeper.clone(),
            name: proof::name(&self.namespace),
            content,
            origin,
            life: self.life,
        };
        let is_signed = publication.origin.contains_key(proof::BUNDLE_DIGEST);
        let deadline = Instant::now() + PATIENCE;
        let published = publish(&self.login, &publication, deadline, start);
        let published = tokio::time::timeout_at(deadline, published).await;
        let published = published.map_err(|_| CommandError::PublishedLate)??;
        let what = if published.written { "published" } else { "kept, since it says the same" };
        say(&format!(
            "proof {}/{} {what}: {}, until {}",
            self.keeper,
            publication.name,
            report.headline(),
            published.expires
        ));
        if is_signed && !published.left.is_zero() && apart(&published, clock::now()) > APART {
            say(&format!(
                "the clocks of this machine and of the API server are more than {APART} s apart, and `controller attest verify --proof` \
                 refuses the proof: correct the clock of this machine"
            ));
        }
        Ok(published)
    }
}

/// Returns the seconds between a time of this machine and the API server's time at the publication.
fn apart(Published { expires, left, .. }: &Published, now: u64) -> u64 {
    let server = expires.as_second().saturating_sub(i64::try_from(left.as_secs()).unwrap_or(i64::MAX));
    server.abs_diff(i64::try_from(now).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;

    #[test]
    fn the_clocks_are_compared_at_the_publication() {
        let published = Published {
            object: ObjectReference::default(),
            is_news: false,
            written: true,
            expires: Timestamp::from_second(5_000).unwrap(),
            left: Duration::from_secs(4_000),
            life: Duration::from_secs(4_010),
        };
        assert_eq!([400, 1_000, 1_301].map(|now| apart(&published, now)), [600, 0, 301]);
    }
}
