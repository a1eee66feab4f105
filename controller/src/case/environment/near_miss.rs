//! Values that resemble an accepted one: misspelt, abbreviated, or with another word beside it.

use super::EnvironmentRefused;

/// The most letters that may be wrong, missing, added or swapped for a value to count as misspelt.
const SLIPS: usize = 2;
/// Beginnings of words for what is not production, or comes before it.
const NOT_YET: &[&str] = &["non", "pre"];

/// Returns a remark for a value without a meaning, which counts as development; a value that resembles an accepted one, and a
/// blank one, is an error.
pub(super) fn unknown(
    variable: &'static str,
    value: String,
    accepted: &[&'static str],
) -> Result<String, EnvironmentRefused> {
    let meant = value.trim().to_lowercase();
    if meant.is_empty() {
        return Err(EnvironmentRefused::Blank { variable, value });
    }
    let words: Vec<_> = meant.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let near = |accepted: &str| {
        let whole = strsim::damerau_levenshtein(&meant, accepted) <= SLIPS;
        whole || words.iter().any(|word| resembles(word, accepted))
    };
    let not_yet = is_not_yet(&words);
    let meant_instead = accepted.iter().copied().find(|accepted| not_yet && *accepted == "staging");
    let by_letters = || accepted.iter().copied().find(|accepted| !not_yet && near(accepted));
    match meant_instead.or_else(by_letters) {
        Some(accepted) => Err(EnvironmentRefused::NearMiss { variable, value, accepted }),
        None => Ok(format!("{variable}={value:?} has no meaning here and counts as development")),
    }
}

/// Returns true for `pre-prod`, `nonproduction` and the like, which resemble `production` by their letters alone.
fn is_not_yet(words: &[&str]) -> bool {
    let is_production = |word: &str| resembles(word, "production");
    words.iter().any(|word| {
        let rest = NOT_YET.iter().find_map(|before| word.strip_prefix(before));
        rest.is_some_and(|rest| {
            is_production(rest) || (rest.is_empty() && words.iter().any(|it| is_production(it)))
        })
    })
}

/// Returns true if a word of a value is an accepted value with a few slips, or one of its usual short forms, perhaps with a
/// number: `prod`, `prd2`, `live`.
fn resembles(word: &str, accepted: &str) -> bool {
    let word = word.trim_end_matches(|it: char| it.is_ascii_digit());
    let abbreviated = word.len() >= 3 && accepted.starts_with(word);
    abbreviated
        || short_forms(accepted).contains(&word)
        || stems(accepted).iter().any(|stem| word.starts_with(stem))
        || (word.len() > 2 * SLIPS && strsim::damerau_levenshtein(word, accepted) <= SLIPS)
}

/// Returns beginnings that only words for an accepted value have.
fn stems(accepted: &str) -> &'static [&'static str] {
    match accepted {
        "production" => &["prod"],
        "staging" => &["stag"],
        _ => &["devel"],
    }
}

/// Returns other usual names of an accepted value.
fn short_forms(accepted: &str) -> &'static [&'static str] {
    match accepted {
        "production" => &["prd", "prdn", "live"],
        "staging" => &["stg", "stgn"],
        _ => &["dev", "dvlp"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_an_error_that_names_the_accepted_value() {
        const ALL: &[&str] = &["production", "staging", "development"];
        for (variable, value, accepted) in [
            ("ENVIRONMENT", "prod", "production"),
            ("ENVIRONMENT", "Production", "production"),
            ("ENVIRONMENT", " production", "production"),
            ("ENVIRONMENT", "production\n", "production"),
            ("ENVIRONMENT", "prodcution", "production"),
            ("ENVIRONMENT", "prod-eu", "production"),
            ("ENVIRONMENT", "STAGING", "staging"),
            ("ENVIRONMENT", "stage", "staging"),
            ("ENVIRONMENT", "Development", "development"),
            ("ENVIRONMENT", "dev", "development"),
            ("ENVIRONMENT", "prd", "production"),
            ("ENVIRONMENT", "PRD-1", "production"),
            ("ENVIRONMENT", "live", "production"),
            ("ENVIRONMENT", "eu-live", "production"),
            ("ENVIRONMENT", "us_east.prod2", "production"),
            ("ENVIRONMENT", "stg", "staging"),
            ("ENVIRONMENT", "stg2", "staging"),
            ("ENVIRONMENT", "pre-prod", "staging"),
            ("ENVIRONMENT", "preproduction", "staging"),
            ("ENVIRONMENT", "non-prod", "staging"),
            ("K8S_CLUSTER_TYPE", "prd", "production"),
            ("K8S_CLUSTER_TYPE", "live", "production"),
            ("K8S_CLUSTER_TYPE", "PRODUCTION", "production"),
        ] {
            let known = if variable == "ENVIRONMENT" { ALL } else { &["production"] };
            let expected = EnvironmentRefused::NearMiss { variable, value: value.into(), accepted };
            assert_eq!(unknown(variable, value.into(), known), Err(expected));
        }
    }

    #[test]
    fn another_value_has_no_meaning() {
        const ALL: &[&str] = &["production", "staging", "development"];
        for (value, known) in [
            ("qa", ALL),
            ("delivery", ALL),
            ("preview", ALL),
            ("eks", &["production"]),
            ("staging", &["production"]),
            ("nonprod", &["production"]),
        ] {
            let remark = unknown("ENVIRONMENT", value.into(), known).unwrap();
            assert!(remark.contains(value), "{remark}");
        }
    }
}
