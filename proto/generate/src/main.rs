//! Writes `proto/src/generated` from `proto/schema`. The test proves that the committed code is fresh.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    generate(&proto().join("src/generated"))
}

fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn generate(into: &Path) -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(["podproof/v1/collector.proto"], [proto().join("schema")])?;
    tonic_prost_build::configure()
        .client_mod_attribute("podproof.v1", "#[cfg(feature = \"client\")]")
        .server_mod_attribute("podproof.v1", "#[cfg(feature = \"server\")]")
        .build_transport(false)
        .out_dir(into)
        .compile_fds(descriptors)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn committed_code_matches_the_schema() {
        let fresh = tempfile::tempdir().unwrap();
        super::generate(fresh.path()).unwrap();
        let fresh = fs::read_to_string(fresh.path().join("podproof.v1.rs")).unwrap();
        let committed = fs::read_to_string(super::proto().join("src/generated/podproof.v1.rs")).unwrap();
        assert!(
            fresh == committed,
            "proto/src/generated is stale: run `make generated` and commit the result"
        );
    }
}
