//! The facts of a run's cases that an attestation binds, gathered case by case.

use std::collections::{BTreeMap, BTreeSet};

use super::verification_v1::{SignedDigest, SignedImage};
use crate::{
    case::{
        Case,
        cluster::{Image, Origin},
    },
    evidence::record::Record,
    report::proof::Pools,
    support::digest,
};

/// The facts of a run's cases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    /// The nodes with a probe.
    pub(super) pools: Pools,
    /// The names of the probe's and the workloads' images, by their digests.
    pub(super) images: BTreeMap<String, String>,
    /// The images of the workloads' containers by their names.
    used: BTreeMap<String, Used>,
    /// True if the evidence does not keep the images of a pod.
    lacks_images: bool,
    /// The nonces of the conversations with probes.
    pub(super) nonces: BTreeSet<String>,
    /// The boot id of the machine, as the first case has it.
    pub(super) boot_id: Option<String>,
}

/// The uses of an image by its name.
#[derive(Clone, Debug, Default)]
struct Used {
    /// The SHA-256 digests that are known.
    digests: BTreeSet<String>,
    /// True if a pod has the image, and no digest of it is known.
    is_unseen: bool,
}

impl Gathered {
    pub(crate) fn of(record: &Record) -> Self {
        let mut gathered = Self::default();
        record.cases.iter().for_each(|case| gathered.add(case));
        gathered
    }

    /// Adds the facts of a case.
    pub(crate) fn add(&mut self, case: &Case) {
        self.pools.add(case);
        self.nonces.extend(case.collected.nonce.clone());
        if self.boot_id.is_none() {
            self.boot_id = case.surroundings.machine.boot_id.seen().map(|boot| boot.uuid.clone());
        }
        let pod = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref());
        // In a running pod, too, the probe has a container and an image of its own.
        if let Some((digest, id)) =
            pod.and_then(|pod| Some((digest::of_image(&pod.image_id)?, &pod.image_id)))
        {
            self.images.insert(digest.to_owned(), format!("probe image {id}"));
        }
        for pod_view in case.pod_views() {
            match &pod_view.images {
                Some(images) => images.iter().for_each(|image| self.add_image(image, &pod_view.origin)),
                None => self.lacks_images = true,
            }
        }
    }

    fn add_image(&mut self, Image { name, id }: &Image, origin: &Origin) {
        let used = self.used.entry(name.clone()).or_default();
        let digest = id.as_deref().and_then(digest::of_image);
        match digest {
            Some(digest) => {
                used.digests.insert(digest.to_owned());
                self.images.entry(digest.to_owned()).or_insert_with(|| format!("image {name}"));
            }
            // A template names an image, and its pods run it.
            None => used.is_unseen |= !origin.is_template(),
        }
    }

    /// Returns the images of the workloads, each with a digest or without one; `None` if the evidence does not keep them.
    pub(super) fn signed_images(&self) -> Option<Vec<SignedImage>> {
        let signed = |(name, used): (&String, &Used)| {
            let image = |digest: Option<SignedDigest>| SignedImage { name: name.clone(), digest };
            let unseen = (used.is_unseen || used.digests.is_empty()).then(|| image(None));
            let seen = used.digests.iter().map(|digest| image(Some(digest.clone().into())));
            unseen.into_iter().chain(seen).collect::<Vec<_>>()
        };
        (!self.lacks_images).then(|| self.used.iter().flat_map(signed).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn digits() -> String {
        "0a".repeat(32)
    }

    /// Gathers a case whose pod and whose template have these images.
    fn gathered(pod: Option<&[(&str, Option<&str>)]>, template: Option<&[(&str, Option<&str>)]>) -> Gathered {
        let mut case = fixture::pod();
        let of = |images: Option<&[(&str, Option<&str>)]>| {
            let image =
                |&(name, id): &(&str, Option<&str>)| Image { name: name.into(), id: id.map(Into::into) };
            images.map(|images| images.iter().map(image).map(Into::into).collect())
        };
        let known = case.surroundings.in_cluster.as_mut().unwrap();
        for pod_view in &mut known.group.pod_views {
            pod_view.images = of(if pod_view.origin.is_template() { template } else { pod });
        }
        let mut gathered = Gathered::default();
        gathered.add(&case);
        gathered
    }

    fn signed(gathered: &Gathered) -> Option<Vec<(String, bool)>> {
        let images = gathered.signed_images()?;
        Some(images.into_iter().map(|image| (image.name, image.digest.is_some())).collect())
    }

    #[test]
    fn an_image_that_runs_by_its_digest_is_a_subject() {
        let id = format!("sha256:{}", digits());
        let gathered = gathered(Some(&[("web:1", Some(&id))]), Some(&[("web:1", None)]));
        assert_eq!(signed(&gathered), Some(vec![("web:1".to_owned(), true)]));
        assert_eq!(gathered.images.get(&digits()).unwrap(), "image web:1");
    }

    #[test]
    fn an_image_whose_digest_is_known_for_one_pod_alone_is_named_without_one_too() {
        let id = format!("sha256:{}", digits());
        let gathered = gathered(Some(&[("web:1", Some(&id)), ("web:1", None)]), Some(&[]));
        assert_eq!(signed(&gathered), Some(vec![("web:1".to_owned(), false), ("web:1".to_owned(), true)]));
    }

    #[test]
    fn the_image_of_a_template_without_pods_has_no_digest() {
        let gathered = gathered(Some(&[]), Some(&[("web:1", None)]));
        assert_eq!(signed(&gathered), Some(vec![("web:1".to_owned(), false)]));
        assert!(gathered.images.values().all(|name| name.starts_with("probe image")), "{gathered:?}");
    }

    #[test]
    fn images_that_the_evidence_lacks_are_not_said_to_be_none() {
        assert_eq!(signed(&gathered(None, Some(&[]))), None);
    }

    #[test]
    fn a_probe_beside_a_running_container_has_the_probes_image() {
        let mut case = fixture::pod();
        case.surroundings.in_cluster.as_mut().unwrap().group.in_place = Some("web-1".into());
        if let crate::case::Subject::Pods { in_place, .. } = &mut case.surroundings.subject {
            *in_place = Some("web-1".into());
        }
        let mut gathered = Gathered::default();
        gathered.add(&case);
        assert!(gathered.images.values().all(|name| name.starts_with("probe image")), "{gathered:?}");
    }
}
