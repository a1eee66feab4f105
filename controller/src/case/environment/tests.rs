use super::*;

fn of(flag: Option<Environment>, variables: &[(&str, &str)]) -> Result<Declared, EnvironmentRefused> {
    declared(flag, None, |name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn each_of_the_three_variables_declares_production() {
    for variable in [
        ("ENVIRONMENT", "production"),
        ("REQUIRE_GVISOR", "true"),
        ("REQUIRE_GVISOR", "TRUE"),
        ("K8S_CLUSTER_TYPE", "production"),
    ] {
        let declared = of(None, &[variable]).unwrap();
        assert_eq!(declared.environment, Environment::Production, "{variable:?}");
        let (name, value) = variable;
        assert_eq!(declared.source, Source::Variable { name, value: value.to_owned() });
        assert_eq!(declared.source.to_string(), format!("{name}={value}"));
    }
}

#[test]
fn the_strongest_variable_wins() {
    let declared = of(None, &[("ENVIRONMENT", "staging"), ("REQUIRE_GVISOR", "True")]).unwrap();
    assert_eq!(declared.environment, Environment::Production);
    let declared = of(None, &[("ENVIRONMENT", "staging"), ("REQUIRE_GVISOR", "false")]).unwrap();
    assert_eq!(declared.environment, Environment::Staging);
}

#[test]
fn the_policy_file_only_strengthens() {
    let of = |file, value: &'static str| {
        let file = Some((file, "podproof.toml".to_owned()));
        declared(None, file, |name| (name == ENVIRONMENT).then(|| value.to_owned())).unwrap()
    };
    let declared = of(Environment::Production, "staging");
    assert_eq!(
        (declared.environment, declared.source),
        (Environment::Production, Source::PolicyFile("podproof.toml".to_owned()))
    );
    let declared = of(Environment::Development, "production");
    assert_eq!(declared.environment, Environment::Production);
}

#[test]
fn without_a_declaration_the_default_is_development() {
    for variables in [&[][..], &[("ENVIRONMENT", ""), ("REQUIRE_GVISOR", "")]] {
        let declared = of(None, variables).unwrap();
        assert_eq!(declared.environment, Environment::Development);
        assert!(declared.source.is_default() && declared.source.to_string().starts_with("the default"));
    }
}

#[test]
fn an_empty_variable_leaves_a_remark() {
    for name in ["ENVIRONMENT", "REQUIRE_GVISOR", "K8S_CLUSTER_TYPE"] {
        let declared = of(None, &[(name, "")]).unwrap();
        assert_eq!(declared.environment, Environment::Development);
        assert_eq!(declared.remarks, [format!("{name} is set and empty, and counts as not set")]);
    }
    assert_eq!(of(None, &[]).unwrap().remarks, [""; 0]);
}

#[test]
fn a_blank_variable_is_refused() {
    for value in [" ", "\t", "\n", "\u{a0}"] {
        for variable in ["ENVIRONMENT", "K8S_CLUSTER_TYPE"] {
            let refused = Err(EnvironmentRefused::Blank { variable, value: value.into() });
            assert_eq!(of(None, &[(variable, value)]), refused, "{value:?}");
        }
        assert!(of(None, &[("REQUIRE_GVISOR", value)]).is_err(), "{value:?}");
    }
}

#[test]
fn a_truth_in_other_words_is_refused() {
    for value in ["1", "yes", "on", " true", "ture"] {
        assert_eq!(
            of(None, &[("REQUIRE_GVISOR", value)]),
            Err(EnvironmentRefused::NoTruth { value: value.into() })
        );
    }
}

#[test]
fn an_unknown_value_is_development_with_a_remark() {
    for variable in [("ENVIRONMENT", "qa"), ("K8S_CLUSTER_TYPE", "eks"), ("K8S_CLUSTER_TYPE", "staging")] {
        let declared = of(None, &[variable]).unwrap();
        assert_eq!(declared.environment, Environment::Development);
        assert!(declared.remarks[0].contains(variable.1), "{declared:?}");
    }
}

#[test]
fn a_flag_that_weakens_leaves_a_remark() {
    let weakened = of(Some(Environment::Development), &[("ENVIRONMENT", "production")]).unwrap();
    assert_eq!(weakened.environment, Environment::Development);
    assert_eq!(weakened.remarks, ["--environment development weakens what ENVIRONMENT=production asks for"]);
    let strengthened = of(Some(Environment::Production), &[("ENVIRONMENT", "staging")]).unwrap();
    assert_eq!((strengthened.environment, strengthened.remarks.len()), (Environment::Production, 0));
}

#[test]
fn no_flag_weakens_the_environment_that_a_verdict_must_be_for() {
    use Environment::{Development, Production, Staging};
    for (flag, value, environment, source) in [
        (None, "production", Production, "ENVIRONMENT=production"),
        (Some(Development), "production", Production, "ENVIRONMENT=production"),
        (Some(Production), "staging", Production, "--environment production"),
        (Some(Staging), "", Staging, "--environment staging"),
    ] {
        let demanded = demanded(flag, |name| (name == ENVIRONMENT).then(|| value.to_owned())).unwrap();
        let found = (demanded.environment, demanded.source.to_string());
        assert_eq!(found, (environment, source.to_owned()), "{flag:?} {value}");
    }
}

fn again(
    flag: Option<Environment>,
    recorded: Environment,
    variables: &[(&str, &str)],
) -> Result<Declared, EnvironmentRefused> {
    let source = Source::Recorded("the file".to_owned());
    let recorded = Declared { environment: recorded, source, remarks: Vec::new() };
    declared_again(flag, None, &recorded, |name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn a_variable_strengthens_the_environment_of_a_saved_run() {
    let declared = again(None, Environment::Development, &[("ENVIRONMENT", "production")]).unwrap();
    assert_eq!(declared.environment, Environment::Production);
    assert_eq!(declared.source.to_string(), "ENVIRONMENT=production");
    assert!(again(None, Environment::Production, &[("ENVIRONMENT", "prd")]).is_err());
}

#[test]
fn the_recorded_environment_stays_unless_something_stronger_is_named() {
    for variables in [&[][..], &[("ENVIRONMENT", "staging")], &[("ENVIRONMENT", "production")]] {
        let declared = again(None, Environment::Production, variables).unwrap();
        assert_eq!(declared.source.to_string(), "the file", "{variables:?}");
        assert_eq!((declared.environment, declared.remarks.len()), (Environment::Production, 0));
    }
}

#[test]
fn a_flag_that_weakens_a_saved_run_leaves_a_remark() {
    let flag = Some(Environment::Development);
    let declared = again(flag, Environment::Production, &[]).unwrap();
    assert_eq!(declared.remarks, ["--environment development weakens what the file asks for"]);
    let declared = again(flag, Environment::Development, &[("REQUIRE_GVISOR", "true")]).unwrap();
    assert_eq!(declared.environment, Environment::Development);
    assert_eq!(declared.remarks, ["--environment development weakens what REQUIRE_GVISOR=true asks for"]);
}
