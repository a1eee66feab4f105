//! The program's own text at a system call, which gVisor's systrap rewrites.

use proto::{CallSite, Observation};

use crate::sys;

pub(crate) fn observe() -> Observation<CallSite> {
    sys::call_site().map_or_else(|| Observation::failed("not made for this architecture"), Observation::Seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn linux_leaves_the_text_unchanged() {
        let Observation::Seen(site) = observe() else { panic!("no site") };
        assert_eq!(site.before, [0xb8, 0x27, 0, 0, 0, 0x0f, 0x05]);
        assert_eq!(site.after, site.before);
    }
}
