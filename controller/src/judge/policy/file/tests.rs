use super::*;
use crate::judge::policy::{Accepted, Standing};

const WAIVER: &str = r#"
[[waivers]]
requirement = "no-token"
scope = "namespace/shop"
owner = "payments"
reason = "the vendor's agent needs it until it is replaced"
expires = 2026-12-31
"#;

fn policy(text: &str, environment: Environment, today: &str) -> Policy {
    let mut policy = Policy::of(environment);
    read(NAME, text.to_owned()).unwrap().amend(&mut policy, today.parse().unwrap());
    policy
}

#[test]
fn a_mistake_has_its_line_and_column() {
    for (text, line, column, said) in [
        ("enviroment = \"production\"", 1, 1, "unknown field `enviroment`"),
        ("\nenvironment = \"prod\"", 2, 15, "unknown variant `prod`"),
        ("[limits]\n  timeout = 8", 2, 13, "invalid type"),
        ("[weights]\nno-token = 0", 2, 12, "a weight from 1 to 100"),
        ("[weights]\nno-tokens = 3", 2, 1, "did you mean \"no-token\"?"),
        ("[severity]\nno-token = \"ignores\"", 2, 12, "unknown variant `ignores`"),
        ("[severity]\nno-token = \"not-judged\"", 2, 12, "unknown variant"),
        ("environment = ", 1, 15, ""),
    ] {
        let mistake = read(NAME, text.to_owned()).unwrap_err();
        assert_eq!((mistake.line, mistake.column), (line, column), "{text}: {mistake}");
        assert!(mistake.message.contains(said), "{mistake}");
    }
}

#[test]
fn an_incomplete_or_impossible_waiver_is_a_mistake() {
    for (was, becomes, said) in [
        ("owner = \"payments\"\n", "", "missing field `owner`"),
        ("expires = 2026-12-31\n", "", "missing field `expires`"),
        ("\"payments\"", "\" \"", "a text that is not empty"),
        ("2026-12-31", "\"2026-12-31\"", "without quotation marks"),
        ("2026-12-31", "2026-12-31T10:00:00Z", "without a time"),
        ("namespace/shop", "shop", "namespace/NAME"),
        ("\"no-token\"", "\"no-tokem\"", "did you mean"),
        ("\"no-token\"", "\"something-else\"", "controller requirements"),
        ("\"no-token\"", "\"probe-integrity\"", "cannot be waived"),
    ] {
        let text = WAIVER.replace(was, becomes);
        let mistake = read(NAME, text).unwrap_err();
        assert!(mistake.message.contains(said) && mistake.line > 1, "{becomes}: {mistake}");
    }
}

#[test]
fn a_waiver_holds_through_its_last_day() {
    let standing = |today| {
        let policy = policy(WAIVER, Environment::Production, today);
        policy.standing(&policy.waivers[0])
    };
    assert_eq!(standing("2026-12-31"), Standing::InForce);
    assert_eq!(standing("2027-01-01"), Standing::Expired);
}

#[test]
fn production_waives_no_mandatory_requirement() {
    let text = WAIVER.replace("no-token", "network-isolation");
    for (environment, only_production, standing) in [
        (Environment::Production, false, Standing::Refused),
        (Environment::Development, true, Standing::Refused),
        (Environment::Staging, false, Standing::InForce),
    ] {
        let policy = Policy { only_production, ..policy(&text, environment, "2026-11-25") };
        assert_eq!(policy.standing(&policy.waivers[0]), standing, "{environment}");
    }
}

const ACCEPTED: &str = r#"
[[accepted-volumes]]
driver = "csi.example.com"
owner = "storage"
reason = "an object store"

[[accepted-devices]]
resource = "nvidia.com/gpu"
owner = "ml"
reason = "inference"
"#;

#[test]
fn drivers_and_devices_are_accepted_by_their_whole_names() {
    let policy = policy(ACCEPTED, Environment::Production, "2026-11-25");
    let accepts = |of, name| policy.accepts(of, name).map(|it| it.line);
    assert_eq!(accepts(Accepted::Volumes, "csi.example.com"), Some(2));
    assert_eq!(accepts(Accepted::Device, "nvidia.com/gpu"), Some(7));
    assert_eq!(accepts(Accepted::Device, "csi.example.com"), None);
    assert_eq!(accepts(Accepted::Volumes, "csi.example"), None);
}

#[test]
fn an_acceptance_without_an_owner_or_a_reason_is_a_mistake() {
    for (was, becomes, said) in [
        ("owner = \"storage\"\n", "", "missing field `owner`"),
        ("\"inference\"", "\"\"", "a text that is not empty"),
        ("resource = \"nvidia.com/gpu\"", "driver = \"x\"", "unknown field `driver`"),
    ] {
        let mistake = read(NAME, ACCEPTED.replace(was, becomes)).unwrap_err();
        assert!(mistake.message.contains(said), "{becomes}: {mistake}");
    }
}
