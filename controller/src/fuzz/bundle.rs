//! The `config.json` of a user's bundle.

use std::path::Path;

use serde_json::Value;

use crate::run::local::bundle::with_probe;

/// A configuration is adapted or refused. An adapted one starts the probe, which is its last mount, and keeps everything
/// else but the place of its root and the sources of its mounts.
pub(super) fn bundle(bytes: &[u8]) {
    let Ok(config) = serde_json::from_slice::<Value>(bytes) else { return };
    let folder = Path::new("/usr");
    let adapted = with_probe(config.clone(), &folder.join("config.json"), folder, Path::new("/probe"));
    let Ok(bundle) = adapted else { return };
    let at = |pointer: &str| bundle.config.pointer(pointer);
    let mounts = at("/mounts").and_then(Value::as_array);
    let probe = mounts.and_then(|mounts| mounts.last());
    assert_eq!(probe.and_then(|mount| mount.get("source")), Some(&Value::from("/probe")));
    assert_eq!(at("/process/args/0"), probe.and_then(|mount| mount.get("destination")));
    assert_eq!(at("/process/args/1"), Some(&Value::from("report")));
    assert_eq!(at("/process/terminal"), Some(&Value::from(false)));
    let before = config.get("mounts").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(mounts.map(Vec::len), Some(before + 1));
    for kept in ["/linux", "/hooks", "/process/user", "/process/capabilities", "/annotations"] {
        assert_eq!(at(kept), config.pointer(kept), "{kept}");
    }
    assert_eq!(bundle.limits, crate::run::local::bundle::limits(&bundle.config));
}
