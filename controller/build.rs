//! Embeds the static probe into the controller: `PODPROOF_PROBE` names its file. Without the variable, the controller
//! has no probe and reports that when it needs one.

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed=PODPROOF_PROBE");
    let source = match env::var("PODPROOF_PROBE") {
        Ok(path) => {
            let path = fs::canonicalize(&path).map_err(|error| format!("PODPROOF_PROBE={path}: {error}"))?;
            println!("cargo::rerun-if-changed={}", path.display());
            format!("Some(include_bytes!(r#\"{}\"#))", path.display())
        }
        Err(_) => "None".to_owned(),
    };
    let out = PathBuf::from(env::var("OUT_DIR")?).join("embedded_probe.rs");
    Ok(fs::write(out, source)?)
}
