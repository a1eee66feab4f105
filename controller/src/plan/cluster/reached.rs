//! Services that came during the run. No Service of the first reading leads to a probe, which is never ready and does without a
//! label of each Service with `publishNotReadyAddresses`.

use crate::case::cluster::{Group, Read, Selecting, SelectingKind};

/// Returns a remark for each Service of the second reading that takes a probe for one of the workload's pods, or one for Services
/// that could not be read. A probe in a running pod has nothing to itself that a Service could select.
pub fn reached(services: &Read<Vec<Selecting>>, groups: &[Group]) -> Vec<String> {
    let probed: Vec<_> =
        groups.iter().filter(|group| group.refused.is_none() && group.in_place.is_none()).collect();
    let services = match services {
        Ok(services) => services,
        Err(_) if probed.is_empty() => return Vec::new(),
        Err(unread) => {
            return vec![format!("a Service that came during the run may have led to a probe: {unread}")];
        }
    };
    let eager = services.iter().filter(|service| service.kind == SelectingKind::EagerService);
    let led_to = eager.filter(|service| probed.iter().any(|group| service.takes(group)));
    let told = led_to.map(|service| {
        format!(
            "the Service {} came or changed during the run, has publishNotReadyAddresses and selected a probe: it may have sent \
             the probe some of the workload's traffic, which the probe does not answer",
            service.name
        )
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::cluster::{Labels, Selector},
        fixture,
    };

    fn service(kind: SelectingKind) -> Selecting {
        let equals = Labels::from([("app".into(), "web".into())]);
        Selecting {
            kind,
            name: "late".into(),
            selector: Selector { equals, requirements: Vec::new() },
            target: None,
            addresses: Vec::new(),
            ports: Vec::new(),
        }
    }

    fn group() -> Group {
        Group { labels: Labels::from([("app".into(), "web".into())]), ..Group::default() }
    }

    #[test]
    fn a_service_that_leads_to_probes_that_are_not_ready_is_named() {
        let eager = Ok(vec![service(SelectingKind::EagerService)]);
        let told = reached(&eager, &[group(), group()]);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("the Service late came or changed during the run"), "{told:?}");
        let without = Group { withheld: vec!["app".into()], ..group() };
        let refused = Group { refused: Some("no handler".into()), ..group() };
        assert_eq!(reached(&eager, &[without, refused]), [""; 0]);
        assert_eq!(reached(&Ok(vec![service(SelectingKind::Service)]), &[group()]), [""; 0]);
    }

    #[test]
    fn services_that_could_not_be_read_are_told_where_a_probe_was() {
        let unread = Err(fixture::forbidden("list services"));
        assert!(reached(&unread, &[group()])[0].contains("list services"));
        assert_eq!(reached(&unread, &[]), [""; 0]);
    }
}
