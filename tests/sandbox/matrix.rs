//! The outcomes in each world, requirement by requirement.

use std::io::Write;

use stage::{
    Ended, Ground, run,
    worlds::{self, World},
};

use crate::{Row, row};

const MANDATORY: [&str; 4] =
    ["runtime-isolation", "network-isolation", "filesystem-isolation", "resource-limits"];

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default();
    let rows = worlds.into_iter().flat_map(|world| {
        if let Some(missing) = &world.missing {
            _ = writeln!(std::io::stderr(), "SKIPPING {}: {missing}", world.name);
        }
        let (skipped, production, lenient) = (world.missing.is_some(), world.clone(), world.clone());
        let rows = [
            row(format!("{} in production", world.name), move || in_production(&production)),
            row(format!("{} in development and staging", world.name), move || elsewhere(&lenient)),
        ];
        rows.map(|row| Row { skipped, ..row })
    });
    rows.collect()
}

fn verify(world: &World, words: &[&str]) -> Ended {
    let ground = Ground::new();
    let mut all = vec!["verify", "--local", "--output", "json", "--quiet"];
    all.extend(words);
    // A PATH without runsc is a machine without runsc.
    let path = ground.path().to_str().unwrap().to_owned();
    let ended = match &world.runtime {
        Some(runtime) => {
            all.extend(["--runtime", runtime]);
            run::run(&all, ground.path(), &[])
        }
        None => run::run(&all, ground.path(), &[("PATH", &path)]),
    };
    assert_eq!(ground.leftovers(&[]), [""; 0]);
    ended
}

fn in_production(world: &World) {
    let ended = verify(world, &["--environment", "production"]);
    let expected = match (world.gvisor, &world.runtime) {
        (true, _) => [("met", MANDATORY.as_slice()), ("met", &["least-privilege", "probe-integrity"])],
        (false, Some(_)) => [
            ("unmet", &["runtime-isolation", "least-privilege"][..]),
            ("met", &["network-isolation", "filesystem-isolation", "resource-limits", "probe-integrity"][..]),
        ],
        (false, None) => [("unmet", MANDATORY.as_slice()), ("met", &["probe-integrity"])],
    };
    let outcomes = ended.outcomes();
    for (outcome, requirements) in expected {
        for requirement in requirements {
            assert_eq!(outcomes[*requirement], outcome, "{requirement}: {:#}", ended.finding(requirement));
        }
    }
    for requirement in MANDATORY {
        let finding = ended.finding(requirement);
        assert!(!finding["evidence"].as_array().unwrap().is_empty(), "{finding:#}");
        assert_eq!(finding["disguise"], false, "{finding:#}");
    }
    assert_eq!(ended.code(), Some(i32::from(!world.gvisor)), "{}", ended.err);
}

fn elsewhere(world: &World) {
    for environment in ["development", "staging"] {
        let ended = verify(world, &["--environment", environment]);
        assert_eq!(ended.code(), Some(0), "{environment}: {ended:#?}");
        // Further hardening of gVisor is shown in development, and warned about in staging.
        let ready = world.gvisor && environment == "development";
        let verdict = if ready { "ready" } else { "ready-with-warnings" };
        assert_eq!(ended.report()["verdict"], verdict, "{environment}");
        if world.runtime.is_none() {
            let because = ended.finding("filesystem-isolation")["because"].as_str().unwrap().to_owned();
            assert_eq!(because, "limited isolation: the host's account list is readable");
            assert!(
                ended.report()["notes"].to_string().contains("there is no runsc on PATH"),
                "{}",
                ended.out
            );
        }
    }
}
