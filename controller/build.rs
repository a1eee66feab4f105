//! Embeds static probes into the controller. `PODPROOF_PROBE` names the file of the controller's own architecture, and
//! `PODPROOF_PROBES` the files of other architectures, separated by colons. Without the probe of an architecture, the controller
//! reports that when it needs one.

use std::{collections::BTreeMap, env, error::Error, fs, path::PathBuf};

use elf::{ElfBytes, abi, endian::AnyEndian};

/// The variants of `controller::support::architecture::Architecture`, with Rust's names.
const ARCHITECTURES: [(u16, &str, &str); 2] =
    [(abi::EM_X86_64, "x86_64", "X86"), (abi::EM_AARCH64, "aarch64", "Arm")];

fn main() -> Result<(), Box<dyn Error>> {
    let own = env::var("CARGO_CFG_TARGET_ARCH")?;
    let mut probes = BTreeMap::new();
    for variable in ["PODPROOF_PROBE", "PODPROOF_PROBES"] {
        println!("cargo::rerun-if-env-changed={variable}");
        let Some(value) = env::var_os(variable) else { continue };
        let paths = if variable == "PODPROOF_PROBE" {
            vec![value.into()]
        } else {
            env::split_paths(&value).collect()
        };
        for path in paths {
            let wrong = |why: &dyn std::fmt::Display| format!("{variable}={}: {why}", path.display());
            let path: PathBuf = fs::canonicalize(&path).map_err(|error| wrong(&error))?;
            println!("cargo::rerun-if-changed={}", path.display());
            let program = fs::read(&path)?;
            let program = ElfBytes::<AnyEndian>::minimal_parse(&program).map_err(|error| wrong(&error))?;
            let machine = program.ehdr.e_machine;
            let known = ARCHITECTURES.iter().find(|(known, ..)| *known == machine);
            let &(_, name, variant) =
                known.ok_or_else(|| wrong(&"there is no controller for its machine"))?;
            if variable == "PODPROOF_PROBE" && name != own {
                return Err(wrong(&format!("it is for {name}, and the controller for {own}")).into());
            }
            if probes.insert(variant, path.clone()).is_some() {
                return Err(wrong(&format!("it is the second probe for {name}")).into());
            }
        }
    }
    let embedded = probes.iter().map(|(variant, path)| {
        format!("(Architecture::{variant}, include_bytes!(r#\"{}\"#).as_slice()),", path.display())
    });
    let out = PathBuf::from(env::var("OUT_DIR")?).join("embedded_probes.rs");
    Ok(fs::write(out, format!("&[{}]", embedded.collect::<String>()))?)
}
