//! The signal frame of a page fault that the worker causes in itself.

use proto::{FaultFrame, Observation};

use crate::sys;

pub(crate) fn observe() -> Observation<FaultFrame> {
    match sys::fault_frame() {
        Ok(Some(frame)) => Observation::Seen(frame),
        Ok(None) => Observation::failed("not made for this architecture"),
        Err(error) => Observation::unseen(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn two_faults_give_the_same_frame() {
        let Observation::Seen(first) = observe() else { panic!("no frame") };
        assert_eq!(observe(), Observation::Seen(first));
    }
}
