//! One tar for all loaders: an OCI layout (image-spec, image-layout.md), with the `manifest.json` of `docker save` that
//! refers to it.

use std::collections::HashMap;

use oci_spec::image::{ANNOTATION_REF_NAME, ImageIndexBuilder, MediaType, OciLayoutBuilder};
use serde::Serialize;
use tar::{Builder, EntryType};

use super::{Blob, Error, Images, Name, blob::json, layer::append};

/// The annotation from which containerd and docker take the name of an imported image (containerd, core/images,
/// `AnnotationImageName`).
const ANNOTATION_IMAGE_NAME: &str = "io.containerd.image.name";
const BLOBS: &str = "blobs/sha256/";

/// An entry of `docker save`'s list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

pub(super) fn pack(images: &Images, name: &Name) -> Result<Vec<u8>, Error> {
    let layout = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
    let first = images.first();
    let saved = Saved {
        config: path(&first.config),
        repo_tags: vec![name.to_string()],
        layers: vec![path(&first.layer)],
    };
    let mut tar = Builder::new(Vec::new());
    for (path, bytes) in [
        ("oci-layout", json(&layout)?),
        ("index.json", index(images.top(), name)?),
        ("manifest.json", json(&[saved])?),
    ] {
        append(&mut tar, path, EntryType::Regular, 0o644, &bytes)?;
    }
    for folder in ["blobs/", BLOBS] {
        append(&mut tar, folder, EntryType::Directory, 0o755, &[])?;
    }
    let parts = images.iter().flat_map(|image| [&image.manifest, &image.config, &image.layer]);
    for blob in images.index().into_iter().chain(parts) {
        append(&mut tar, &path(blob), EntryType::Regular, 0o644, blob.bytes())?;
    }
    Ok(tar.into_inner()?)
}

/// Returns the layout's list of images, which has one entry: the only name.
fn index(top: &Blob, name: &Name) -> Result<Vec<u8>, Error> {
    let mut named = top.descriptor().clone();
    named.set_annotations(Some(HashMap::from([
        (ANNOTATION_IMAGE_NAME.to_owned(), name.to_string()),
        (ANNOTATION_REF_NAME.to_owned(), name.tag().to_owned()),
    ])));
    let index = ImageIndexBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageIndex)
        .manifests([named])
        .build()?;
    json(&index)
}

fn path(blob: &Blob) -> String {
    format!("{BLOBS}{}", blob.descriptor().digest().digest())
}
