//! The page in which gVisor keeps its clock. The page becomes ready only about a second after a sandbox has started.

use proto::{Observation, TimePage};

use crate::sys;

pub(crate) fn observe() -> Observation<TimePage> {
    let Some(image) = sys::vdso_address() else { return Observation::Absent };
    match sys::time_page(image) {
        Ok(Some(page)) => Observation::Seen(page),
        Ok(None) => Observation::failed("the page before the vDSO cannot be read"),
        Err(error) => Observation::unseen(&error),
    }
}

/// Returns true if a second look may show a page that is ready.
pub(crate) fn may_become_ready(observation: &Observation<TimePage>) -> bool {
    observation.seen().is_some_and(|page| page.ready == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_before_the_vdso_is_survived() {
        assert!(!matches!(observe(), Observation::Crashed { .. }));
    }

    #[test]
    fn only_a_page_that_is_not_ready_is_worth_another_look() {
        let page = |ready| TimePage {
            sequence: 2,
            ready,
            base_cycles: 0,
            base_ns: 0,
            frequency: 0,
            cycles: 0,
            now_ns: 0,
        };
        assert!(may_become_ready(&Observation::Seen(page(0))));
        assert!(!may_become_ready(&Observation::Seen(page(1))));
        assert!(!may_become_ready(&Observation::Absent));
    }
}
