//! The publication of a run's proof, after the report was written.

use std::time::Duration;

use tokio::time::Instant;

use super::{console::say, error::CommandError};
use crate::{
    report::{
        Report,
        proof::{Pools, Proof},
    },
    run::cluster::{
        connect::Login,
        publish::{Publication, Published, publish},
    },
    support::proof,
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
    /// Publishes the proof of a run that began at this moment.
    pub(super) async fn publish(
        &self,
        report: &Report,
        pools: Pools,
        began: Instant,
    ) -> Result<(), CommandError> {
        let Some(Proof { content, origin }) = Proof::of(report, &pools) else {
            return Err(CommandError::NothingToPublish);
        };
        let publication = Publication {
            keeper: self.keeper.clone(),
            name: proof::name(&self.namespace),
            content,
            origin,
            life: self.life,
        };
        let published = publish(&self.login, &publication, || began.elapsed());
        let published = tokio::time::timeout(PATIENCE, published).await;
        let published = published.map_err(|_| CommandError::PublishedLate)??;
        let (what, expires) = match published {
            Published::Written(expires) => ("published", expires),
            Published::Kept(expires) => ("kept, since it says the same", expires),
        };
        say(&format!(
            "proof {}/{} {what}: {}, until {expires}",
            self.keeper,
            publication.name,
            report.headline()
        ));
        Ok(())
    }
}
