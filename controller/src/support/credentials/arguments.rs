//! Credentials among the words of a container's command.

use super::{holds, is_named_so, looks_so};

/// Returns each credential as a fragment without its value, such as "the argument --password".
pub fn given(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).copied();
        let of_word = of_option(word, next).or_else(|| looks_so(word).then(|| "an argument".to_owned()));
        // A script is one word with assignments in it.
        let assigned = word.split_whitespace().filter(|_| of_word.is_none()).filter_map(of_assignment);
        found.extend(of_word.iter().cloned().chain(assigned));
    }
    found.dedup();
    found
}

/// Reads `--name=VALUE`, and `--name VALUE`.
fn of_option(word: &str, next: Option<&str>) -> Option<String> {
    let option = word.strip_prefix('-')?.trim_start_matches('-');
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, value),
        None => (option, next.filter(|next| !next.starts_with('-'))?),
    };
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    (is_name && is_named_so(name) && holds(value) && !refers(value)).then(|| format!("the argument --{name}"))
}

/// Reads `NAME=VALUE`, and an option within a script.
fn of_assignment(word: &str) -> Option<String> {
    if let Some(option) = of_option(word, None) {
        return Some(option);
    }
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    let value = value.trim_matches(['"', '\'', ';']);
    (is_name && is_named_so(name) && holds(value) && !refers(value))
        .then(|| format!("the variable {name} of a script"))
}

/// True for a reference that a shell resolves, such as `$NAME`, `${NAME}` and `$(COMMAND)`.
fn refers(value: &str) -> bool {
    let rest = value.trim_start_matches(['"', '\'']).strip_prefix('$');
    rest.is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_alphabetic() || "_{(".contains(it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_among_arguments_is_named_without_its_value() {
        for (words, expected) in [
            (&["server", "--password=hunter2"][..], "the argument --password"),
            (&["--api-key", "hunter2"], "the argument --api-key"),
            (&["-token=hunter2"], "the argument --token"),
            (&["sh", "-c", "export DB_PASSWORD=hunter2; exec app"], "the variable DB_PASSWORD of a script"),
            (&["sh", "-c", "app --token=hunter2"], "the argument --token"),
            (&["app", "postgres://app:hunter2@db/shop"], "an argument"),
        ] {
            assert_eq!(given(words), [expected], "{words:?}");
        }
    }

    #[test]
    fn a_reference_and_a_path_are_no_credential() {
        for words in [
            &["--password=$(PASSWORD)"][..],
            &["--password", "$DB_PASSWORD"],
            &["--password-file=/run/password"],
            &["--token", "--verbose"],
            &["--use-token=true"],
            &["sh", "-c", "TOKEN=$(cat /run/token) exec app"],
            &["sh", "-c", "PASSWORD=${OTHER} app"],
        ] {
            assert!(given(words).is_empty(), "{words:?}");
        }
    }
}
