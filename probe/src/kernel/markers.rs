//! Signs by which programs recognise a gVisor sandbox, by stat(2) alone.

use std::fs;

use proto::{Markers, Observation};

use crate::vantage::Vantage;

/// gVisor's own marker (`pkg/gvisordetect`), which is off by default, and a marker that gVisor had until 2019.
const PATHS: &[&str] = &["/proc/gvisor/kernel_is_gvisor", "/__runsc_containers__"];

pub(crate) fn observe(vantage: &Vantage) -> Observation<Markers> {
    let there = PATHS.iter().filter(|path| fs::symlink_metadata(vantage.path(path)).is_ok());
    Observation::Seen(Markers { paths: there.map(|path| (*path).to_owned()).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_an_image_made_is_seen() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(observe(&Vantage::rooted(tree.path())), Observation::Seen(Markers { paths: Vec::new() }));
        fs::create_dir(tree.path().join("__runsc_containers__")).unwrap();
        let paths = vec!["/__runsc_containers__".to_owned()];
        assert_eq!(observe(&Vantage::rooted(tree.path())), Observation::Seen(Markers { paths }));
    }
}
