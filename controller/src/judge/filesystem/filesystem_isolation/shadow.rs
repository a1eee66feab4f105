//! The machine's passwords. An image has an `/etc/shadow` of its own, most often without any password.

use proto::Observation;

use super::Judgement;
use crate::case::{Case, Citation, identity::FileDigest};

/// Judges the sandbox's `/etc/shadow`. A file that may not be read shares nothing.
pub(super) fn read(case: &Case) -> Result<Vec<Citation>, Judgement> {
    let shown = |text: String| Ok(vec![Citation { source: "shadow", text }]);
    let theirs = match &case.evidence().shadow {
        // The probe's image is known to have none.
        Observation::Seen(_) | Observation::Denied { .. } if case.is_of_our_image() => {
            return Err(Judgement::inconclusive(
                "the sandbox has an /etc/shadow that the probe's image does not have",
            ));
        }
        Observation::Seen(theirs) => theirs,
        Observation::Absent => return shown("the sandbox has no /etc/shadow".to_owned()),
        Observation::Denied { .. } => return shown("/etc/shadow may not be read".to_owned()),
        blind => {
            return Err(Judgement::inconclusive(format!("/etc/shadow could not be read: {}", blind.fared())));
        }
    };
    let text = format!(
        "{} bytes, {} accounts, {} of them have a password or need none",
        theirs.size, theirs.accounts, theirs.passwords
    );
    let machine = &case.surroundings.machine;
    let digest = FileDigest { size: theirs.size, sha256: theirs.sha256 };
    match &machine.shadow {
        Observation::Seen(machines) if digest == *machines && theirs.passwords > 0 => {
            Err(Judgement::unmet("limited isolation: the host's passwords are readable")
                .citing("shadow", text)
                .citing("machine", "the machine's /etc/shadow has the same digest"))
        }
        // Images of one distribution have the same file.
        Observation::Seen(machines) if digest == *machines => {
            shown(format!("{text}; the machine has the same file"))
        }
        Observation::Seen(_) | Observation::Absent => shown(format!("{text}; not the machine's")),
        _ if machine.shadow_size.is_some_and(|size| size != theirs.size) => {
            shown(format!("{text}; not the machine's, which has another size"))
        }
        blind => Err(Judgement::inconclusive(format!(
            "the sandbox has an /etc/shadow, and the machine's could not be compared with it: {}",
            blind.fared()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proto::Shadow;

    use super::*;
    use crate::fixture;

    const DENIED: Observation<Shadow> = Observation::Denied { errno: 13 };

    fn shadow(first: u8) -> Observation<Shadow> {
        let mut sha256 = [7; 32];
        sha256[0] = first;
        Observation::Seen(Shadow { size: 900, sha256, accounts: 20, passwords: 1 })
    }

    /// Returns a bundle of the user, on a machine whose file's digest has the first byte 1.
    fn bundle(theirs: Observation<Shadow>) -> Case {
        let mut case = fixture::of_a_users_bundle(fixture::gvisor());
        case.collected.evidence.shadow = theirs;
        case.surroundings.machine.shadow =
            shadow(1).map(|it| FileDigest { size: it.size, sha256: it.sha256 });
        case
    }

    fn told(case: &Case) -> &'static str {
        fixture::told(&super::super::tests::judge(case))
    }

    #[test]
    fn the_machines_passwords_are_unmet() {
        for (theirs, expected) in [
            (shadow(1), "unmet"),
            (shadow(2), "met"),
            (Observation::Absent, "met"),
            (DENIED, "met"),
            (Observation::TimedOut, "open"),
        ] {
            assert_eq!(told(&bundle(theirs.clone())), expected, "{theirs:?}");
        }
        let words = super::super::tests::judge(&bundle(shadow(1))).because;
        assert_eq!(words, "limited isolation: the host's passwords are readable");
    }

    #[test]
    fn a_file_without_comparison_is_inconclusive() {
        for (machine, expected) in [(Observation::Denied { errno: 13 }, "open"), (Observation::Absent, "met")]
        {
            let mut case = bundle(shadow(2));
            case.surroundings.machine.shadow = machine;
            assert_eq!(told(&case), expected);
        }
    }

    #[test]
    fn a_file_that_the_probes_image_lacks_is_inconclusive() {
        for theirs in [shadow(2), DENIED] {
            for mut case in [fixture::gvisor(), fixture::pod()] {
                assert_eq!(told(&case), "met");
                case.collected.evidence.shadow = theirs.clone();
                assert_eq!(told(&case), "open", "{theirs:?}");
            }
        }
    }

    #[test]
    fn evidence_from_before_the_observer_is_inconclusive() {
        assert_eq!(told(&bundle(proto::Evidence::default().shadow)), "open");
    }
}
