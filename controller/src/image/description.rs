//! An image's description of itself (image-spec, config.md and manifest.md).

use std::collections::HashMap;

use oci_spec::image::{
    ANNOTATION_DESCRIPTION, ANNOTATION_LICENSES, ANNOTATION_TITLE, ANNOTATION_VERSION, Arch, ConfigBuilder,
    HistoryBuilder, ImageConfigurationBuilder, ImageManifestBuilder, MediaType, Os, RootFsBuilder,
};

use super::{Blob, Content, Error, VERSION};
use crate::support::{architecture::Architecture, names::NOBODY};

/// The time of creation: tools that show an age expect a time, and equal programs must give equal bytes.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Returns the image's configuration: how to run the image, and its labels.
pub(super) fn config(content: Content, architecture: Architecture, layer: &Blob) -> Result<Blob, Error> {
    let (title, description) = match content {
        Content::Probe => ("podproof probe", "Observes inside a sandbox and reports its observations"),
        Content::Controller => {
            ("podproof controller", "Launches probes, judges their evidence and ends with a verdict")
        }
    };
    let labels = [
        (ANNOTATION_TITLE, title),
        (ANNOTATION_DESCRIPTION, description),
        (ANNOTATION_VERSION, VERSION),
        (ANNOTATION_LICENSES, "Apache-2.0"),
    ];
    let labels: HashMap<_, _> =
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let config = ConfigBuilder::default()
        .user(format!("{NOBODY}:{NOBODY}"))
        .entrypoint([format!("/{content}")])
        .working_dir("/")
        .labels(labels)
        .build()?;
    // An uncompressed layer has the same digest in both of its forms.
    let root = RootFsBuilder::default().diff_ids([layer.digest().to_owned()]).build()?;
    let history = HistoryBuilder::default().created(CREATED).created_by("controller image").build()?;
    let config = ImageConfigurationBuilder::default()
        .created(CREATED)
        .architecture(self::architecture(architecture))
        .os(Os::Linux)
        .config(config)
        .rootfs(root)
        .history([history])
        .build()?;
    Blob::of_json(MediaType::ImageConfig, &config)
}

/// Returns the OCI's name of an architecture.
pub(super) fn architecture(architecture: Architecture) -> Arch {
    match architecture {
        Architecture::X86 => Arch::Amd64,
        Architecture::Arm => Arch::ARM64,
    }
}

/// Returns the manifest, which lists the parts of the image.
pub(super) fn manifest(config: &Blob, layer: &Blob) -> Result<Blob, Error> {
    let manifest = ImageManifestBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageManifest)
        .config(config.descriptor().clone())
        .layers([layer.descriptor().clone()])
        .build()?;
    Blob::of_json(MediaType::ImageManifest, &manifest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_configuration_runs_the_program_as_nobody() {
        let layer = Blob::new(MediaType::ImageLayer, b"a layer".to_vec()).unwrap();
        let config = config(Content::Probe, Architecture::Arm, &layer).unwrap();
        let value: Value = serde_json::from_slice(config.bytes()).unwrap();
        assert_eq!(value["architecture"], "arm64");
        assert_eq!(value["os"], "linux");
        assert_eq!(value["rootfs"], json!({ "type": "layers", "diff_ids": [layer.digest()] }));
        assert_eq!(value["config"]["User"], "65534:65534");
        assert_eq!(value["config"]["Entrypoint"], json!(["/probe"]));
        assert_eq!(value["config"]["Labels"][ANNOTATION_VERSION], VERSION);
        // docker refuses an image whose history and layers differ in number.
        assert_eq!(value["history"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn the_manifest_names_both_parts_by_size_and_digest() {
        let layer = Blob::new(MediaType::ImageLayer, b"a layer".to_vec()).unwrap();
        let config = Blob::new(MediaType::ImageConfig, b"{}".to_vec()).unwrap();
        let manifest = manifest(&config, &layer).unwrap();
        let value: Value = serde_json::from_slice(manifest.bytes()).unwrap();
        let wanted = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": config.digest(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "size": 7, "digest": layer.digest(),
            }],
        });
        assert_eq!(value, wanted);
    }
}
