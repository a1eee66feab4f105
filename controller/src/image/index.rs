//! Images of one program for several architectures, under one name (OCI image-spec, image-index.md).

use std::iter;

use oci_spec::image::{ImageIndexBuilder, MediaType, Os, PlatformBuilder};

use super::{Blob, Error, Image, Name, archive, description};

/// The images of a program, one for each architecture, in the order of architectures.
#[derive(Clone, Debug)]
pub struct Images {
    first: Image,
    further: Vec<Image>,
    /// The index of the manifests; `None` for a single image.
    index: Option<Blob>,
}

impl Images {
    /// Collects the images of a program. Refuses an empty list, and two images of one architecture.
    pub fn of(mut images: Vec<Image>) -> Result<Self, Error> {
        images.sort_by_key(Image::architecture);
        let twice = images.iter().zip(images.iter().skip(1)).find(|(a, b)| a.architecture == b.architecture);
        if let Some((image, _)) = twice {
            return Err(Error::Twice(image.architecture));
        }
        let index = if images.len() > 1 { Some(index(&images)?) } else { None };
        let mut images = images.into_iter();
        let first = images.next().ok_or(Error::None)?;
        Ok(Self { first, further: images.collect(), index })
    }

    /// Returns the images in the order of architectures.
    pub fn iter(&self) -> impl Iterator<Item = &Image> {
        iter::once(&self.first).chain(&self.further)
    }

    /// Returns the image of the first architecture.
    pub fn first(&self) -> &Image {
        &self.first
    }

    /// Returns the index of the manifests; `None` for a single image.
    pub fn index(&self) -> Option<&Blob> {
        self.index.as_ref()
    }

    /// Returns the blob that a name refers to: the index, or the manifest of a single image.
    pub fn top(&self) -> &Blob {
        self.index().unwrap_or_else(|| self.first.manifest())
    }

    /// Returns the default name.
    pub fn reference_name(&self) -> Name {
        Name::of(self.first.content)
    }

    /// Packs a tar that is both an OCI layout and an archive of `docker save`, so that every loader of images reads it. An
    /// archive of `docker save` has no platforms: its form holds the first image alone.
    pub fn archive(&self, name: &Name) -> Result<Vec<u8>, Error> {
        archive::pack(self, name)
    }
}

fn index(images: &[Image]) -> Result<Blob, Error> {
    let mut manifests = Vec::new();
    for image in images {
        let architecture = description::architecture(image.architecture);
        let platform = PlatformBuilder::default().architecture(architecture).os(Os::Linux).build()?;
        let mut manifest = image.manifest.descriptor().clone();
        manifest.set_platform(Some(platform));
        manifests.push(manifest);
    }
    let index = ImageIndexBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests)
        .build()?;
    Blob::of_json(MediaType::ImageIndex, &index)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::program::tests::executable, *};
    use crate::support::architecture::Architecture;

    /// Returns the images of programs for these ELF machines.
    fn images(machines: &[u16]) -> Result<Images, Error> {
        Images::of(machines.iter().map(|&it| Image::of_probe(&executable(it, None)).unwrap()).collect())
    }

    #[test]
    fn an_index_names_each_manifest_with_its_platform() {
        let images = images(&[183, 62]).unwrap();
        let manifest = |image: &Image, architecture: &str| {
            json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": image.manifest_digest(),
                "size": image.manifest().bytes().len(),
                "platform": { "architecture": architecture, "os": "linux" },
            })
        };
        let [x86, arm] = images.iter().collect::<Vec<_>>()[..] else { panic!("two images") };
        let wanted = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest(x86, "amd64"), manifest(arm, "arm64")],
        });
        let index: Value = serde_json::from_slice(images.index().unwrap().bytes()).unwrap();
        assert_eq!(index, wanted);
        assert_eq!(images.top().digest(), images.index().unwrap().digest());
    }

    #[test]
    fn the_order_of_the_programs_changes_nothing() {
        let archive = |machines: &[u16]| {
            let images = images(machines).unwrap();
            images.archive(&images.reference_name()).unwrap()
        };
        assert!(archive(&[62, 183]) == archive(&[183, 62]));
    }

    #[test]
    fn a_single_image_has_no_index() {
        let images = images(&[183]).unwrap();
        assert!(images.index().is_none());
        assert_eq!(images.top().digest(), images.first().manifest_digest());
    }

    #[test]
    fn two_programs_of_one_architecture_are_refused() {
        assert!(matches!(images(&[62, 62]), Err(Error::Twice(Architecture::X86))));
    }

    #[test]
    fn no_program_makes_no_image() {
        assert!(matches!(images(&[]), Err(Error::None)));
    }
}
