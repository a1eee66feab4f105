//! Literal credentials in the environment and the command of a program, known by a variable's or an option's name, or by the
//! value's form. A value is looked at here, and never kept.

mod arguments;

pub use arguments::given as of_command;

/// The last words of a variable's name that holds a credential.
const CREDENTIALS: &[&str] = &[
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "AUTH_KEY",
    "CONNECTION_STRING",
    "CREDENTIAL",
    "CREDENTIALS",
    "ENCRYPTION_KEY",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATE_KEY",
    "PWD",
    "SECRET",
    "SECRET_KEY",
    "SIGNING_KEY",
    "SSHPASS",
    "TOKEN",
];

/// Variables whose names end like those of credentials, and that hold a path.
const PATHS: &[&str] = &["GOOGLE_APPLICATION_CREDENTIALS", "OLDPWD", "PWD"];

/// Values that turn something on or off.
const SWITCHES: &[&str] = &["0", "1", "false", "no", "off", "on", "true", "yes"];

/// Returns each credential as a fragment without its value, such as "the variable `API_TOKEN`". A variable is `NAME=VALUE`.
pub fn of_environment(variables: &[&str]) -> Vec<String> {
    let variables = variables.iter().filter_map(|variable| variable.split_once('='));
    let found = variables.filter(|(name, value)| is_credential(name, value));
    found.map(|(name, _)| format!("the variable {name}")).collect()
}

/// True for a variable with a literal credential.
pub fn is_credential(name: &str, value: &str) -> bool {
    holds(value) && (is_named_so(name) || looks_so(value))
}

/// Returns true unless the value is empty, a switch, or a reference to another variable, which is looked at itself.
fn holds(value: &str) -> bool {
    let value = value.trim();
    let refers = value.starts_with("$(") && value.ends_with(')');
    !value.is_empty() && !refers && !SWITCHES.contains(&value.to_lowercase().as_str())
}

/// True for a name that ends like those of credentials.
pub fn is_named_so(name: &str) -> bool {
    let name = name.to_uppercase().replace(['-', '.'], "_");
    let ends = |&word: &&str| {
        let before = name.strip_suffix(word);
        before.is_some_and(|before| before.is_empty() || before.ends_with('_') || word.len() > 4)
    };
    !PATHS.contains(&name.as_str()) && CREDENTIALS.iter().any(ends)
}

/// True for a private key, and for an address with a password: `scheme://user:password@host`.
fn looks_so(value: &str) -> bool {
    let authority =
        value.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
    value.contains("PRIVATE KEY-----")
        || password.is_some_and(|password| !password.is_empty() && !password.starts_with("$("))
}
