//! Tiers of Calico (docs.tigera.io, "Tier"; github.com/projectcalico/api, `projectcalico/v3/tier.go`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::policy::{
    object,
    order::{Order, Tier},
};

/// The tiers by their names, each with the answer whether it denies what no rule names; otherwise the reason why the tier
/// is not known.
#[derive(Debug)]
pub(super) struct Tiers(BTreeMap<String, Result<(Tier, bool), String>>);

impl Tiers {
    pub(super) fn of(objects: &[&Value]) -> Self {
        let mut tiers = BTreeMap::new();
        for object in objects.iter().filter(|object| object["kind"] == "Tier") {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            let tier = tier(name, &object["spec"]);
            let known = tiers.entry(name.to_owned()).or_insert_with(|| tier.clone());
            if *known != tier {
                *known = Err(format!("the API groups show different tiers {name}"));
            }
        }
        // Every version has this tier, and nobody can change it.
        tiers.insert("default".to_owned(), Ok((Tier::default_tier(), true)));
        Self(tiers)
    }

    /// Returns the tier of a policy; without a name, it is the default tier.
    pub(super) fn tier(&self, name: Option<&str>) -> Result<(Tier, bool), String> {
        let name = name.unwrap_or("default");
        let missing = || Err(format!("the tier {name} was not read"));
        self.0.get(name).cloned().unwrap_or_else(missing)
    }
}

fn tier(name: &str, spec: &Value) -> Result<(Tier, bool), String> {
    object::only(spec, &["order", "defaultAction"])?;
    let denies = match spec["defaultAction"].as_str() {
        None | Some("Deny") => true,
        Some("Pass") => false,
        Some(other) => return Err(format!("the default action {other} of tier {name} is not known")),
    };
    let order = spec["order"].as_f64().map_or(Order::LAST, Order);
    Ok((Tier { order, name: name.to_owned() }, denies))
}
