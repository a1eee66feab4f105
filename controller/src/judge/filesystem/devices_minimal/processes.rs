//! The devices of the workload's own containers, where the probe sees their processes and may enter their root directories.

use proto::{Device, Observation};

use super::{Kind, kind_of, unseen};
use crate::{
    case::{Case, Citation},
    judge::{
        gvisor::Assessment,
        processes::{self, Container, Others},
        requirement::{Judgement, Outcome},
    },
};

/// Judges the devices of each container of the pod; `None` if the probe sees no process beside its own, or if all containers
/// have only the devices that every container has. The sandbox's own process 1 asks for no device.
pub(super) fn read(case: &Case, assessment: &Assessment) -> Option<Judgement> {
    let others = processes::seen(case, assessment)?;
    let containers = others.containers();
    let of_workload = containers.iter().filter(|container| others.is_of_workload(container));
    let judgements: Vec<_> =
        of_workload.filter_map(|container| of_container(&others, container, assessment)).collect();
    let unmet = judgements.iter().find(|judgement| judgement.outcome == Outcome::Unmet).cloned();
    unmet.or_else(|| judgements.into_iter().next()).or_else(|| others.gap().map(Judgement::inconclusive))
}

fn of_container(
    others: &Others<'_>,
    container: &Container<'_>,
    assessment: &Assessment,
) -> Option<Judgement> {
    let name = others.name(container.process);
    let devices = match &container.table.devices {
        Observation::Seen(devices) => devices,
        blind => {
            let advice = others.by_its_user(container.process);
            let because = format!("/dev of {name} could not be read: {}{advice}", blind.fared());
            return Some(Judgement::inconclusive(because));
        }
    };
    let of = |kind| {
        let mounts = Some(&container.table.mounts);
        devices.devices.iter().find(|device| kind_of(device, assessment.kernel, mounts) == kind)
    };
    let cited = |device: &Device| {
        let Citation { text, .. } = super::cited(device);
        format!("{name}: {text}")
    };
    if let Some(device) = of(Kind::Other) {
        let because = format!("{name} has a device that no container needs: /dev/{}", device.name);
        return Some(Judgement::unmet(because).citing("processes", cited(device)));
    }
    if let Some(device) = of(Kind::Unclear) {
        let because = format!("it is not known whose device /dev/{} of {name} is", device.name);
        return Some(Judgement::inconclusive(because).citing("processes", cited(device)));
    }
    unseen(devices).map(|what| Judgement::inconclusive(format!("{name}: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, beside};

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&super::super::REQUIREMENT, case)
    }

    fn having(table: usize, devices: impl FnOnce(&mut proto::Devices)) -> Judgement {
        let mut case = beside::running();
        let Observation::Seen(found) = &mut beside::processes(&mut case).mount_tables[table].devices else {
            panic!("{case:#?}")
        };
        devices(found);
        judge(&case)
    }

    #[test]
    fn a_device_of_another_container_is_unmet() {
        assert_eq!(fixture::told(&judge(&beside::running())), "met");
        let kvm = || Device { name: "kvm".into(), block: false, major: 10, minor: 232 };
        let judgement = having(2, |found| found.devices.push(kvm()));
        assert_eq!(fixture::told(&judgement), "unmet");
        let expected = "process 8 (command 08080808) has a device that no container needs: /dev/kvm";
        assert_eq!(judgement.because, expected);
    }

    #[test]
    fn a_running_pod_without_a_visible_process_is_inconclusive() {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        assert_eq!(fixture::told(&judge(&case)), "open");
    }

    #[test]
    fn devices_that_were_left_out_are_inconclusive() {
        assert_eq!(fixture::told(&having(1, |found| found.truncated = true)), "open");
    }

    #[test]
    fn an_unreadable_dev_is_inconclusive_with_the_flag_that_reads_it() {
        let mut case = beside::running();
        beside::status(&mut case, 7).credentials.effective_user = 1000;
        beside::processes(&mut case).mount_tables[1].devices = Observation::Denied { errno: 13 };
        let judgement = judge(&case);
        assert_eq!(fixture::told(&judgement), "open");
        assert!(judgement.because.contains("`--live-uid`"), "{}", judgement.because);
    }

    #[test]
    fn the_sandboxs_own_process_needs_no_look() {
        let mut case = beside::running();
        beside::processes(&mut case).mount_tables[0].devices = Observation::Denied { errno: 13 };
        assert_eq!(fixture::told(&judge(&case)), "met");
    }
}
