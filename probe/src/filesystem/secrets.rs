//! Files in the sandbox's folders of secrets: counted, never carried. Only the service account's token is opened, whose
//! payload names its audiences and its expiry.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::{Observation, Secrets, Token};
use serde_json::Value;

use crate::{
    text::cut,
    vantage::{Vantage, is_absence},
};

/// The folders in which Kubernetes, Docker and Podman put secrets.
const FOLDERS: &[&str] = &["/run/secrets", "/var/run/secrets"];
/// The path of the token below such a folder (kubernetes.io, "Configure Service Accounts for Pods").
const TOKEN: &str = "kubernetes.io/serviceaccount/token";
/// The largest number of entries below a folder that are looked at.
const MOST: usize = 512;
/// The largest number of reported audiences of a token.
const MOST_AUDIENCES: usize = 8;
/// The longest reported audience, in bytes.
const LONGEST_AUDIENCE: usize = 256;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Secrets> {
    let mut secrets = Secrets { token: None, files: 0, bytes: 0, unseen: Vec::new(), truncated: false };
    let mut known = Vec::new();
    for folder in FOLDERS {
        match fs::metadata(vantage.path(folder)) {
            // `/var/run` is usually a link to `/run`.
            Ok(file) if !known.contains(&(file.dev(), file.ino())) => {
                known.push((file.dev(), file.ino()));
                count(&vantage.path(folder), folder, &mut secrets);
            }
            Ok(_) => (),
            Err(error) if is_absence(&error) => (),
            Err(_) => secrets.unseen.push((*folder).to_owned()),
        }
    }
    if secrets.files > 0 {
        let read =
            |folder: &&str| vantage.bytes(&format!("{folder}/{TOKEN}")).seen().map(|bytes| token(bytes));
        secrets.token = FOLDERS.iter().find_map(read);
    }
    Observation::Seen(secrets)
}

/// Counts regular files. Links are not followed: the files that a projected volume links to lie beside the links.
fn count(folder: &Path, name: &str, secrets: &mut Secrets) {
    let mut folders = vec![folder.to_owned()];
    let mut left = MOST;
    while let Some(folder) = folders.pop() {
        if of_folder(&folder, &mut left, &mut folders, secrets).is_err()
            && !secrets.unseen.iter().any(|unseen| unseen == name)
        {
            secrets.unseen.push(name.to_owned());
        }
    }
}

fn of_folder(
    folder: &Path,
    left: &mut usize,
    folders: &mut Vec<PathBuf>,
    secrets: &mut Secrets,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let Some(rest) = left.checked_sub(1) else {
            secrets.truncated = true;
            return Ok(());
        };
        *left = rest;
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            folders.push(entry.path());
        } else if metadata.is_file() {
            secrets.files = secrets.files.saturating_add(1);
            secrets.bytes = secrets.bytes.saturating_add(metadata.len());
        }
    }
    Ok(())
}

/// Returns the claims of a token (RFC 7519). Bytes that are no such token give only their size.
fn token(bytes: &[u8]) -> Token {
    let payload = bytes.split(|&byte| byte == b'.').nth(1);
    let payload = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    let payload: Value =
        payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default();
    let audiences = match payload.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    Token {
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        audiences: audiences.into_iter().take(MOST_AUDIENCES).map(|it| cut(it, LONGEST_AUDIENCE)).collect(),
        expires: payload.get("exp").and_then(Value::as_u64),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn jwt(payload: &str) -> String {
        format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_gives_its_audiences_and_its_expiry() {
        let text = jwt(r#"{"aud":["https://api"],"exp":1800000000,"sub":"system:serviceaccount:a:b"}"#);
        let seen = token(text.as_bytes());
        let size = text.len() as u64;
        assert_eq!(seen, Token { size, audiences: vec!["https://api".into()], expires: Some(1_800_000_000) });
        assert_eq!(token(jwt(r#"{"aud":"one"}"#).as_bytes()).audiences, ["one"]);
    }

    #[test]
    fn bytes_that_are_no_token_give_only_their_size() {
        for other in ["", "no token", "a.!.b", &jwt("[]")] {
            let size = other.len() as u64;
            assert_eq!(token(other.as_bytes()), Token { size, audiences: Vec::new(), expires: None });
        }
    }

    #[test]
    fn files_of_a_projected_volume_are_counted_once() {
        let tree = tempfile::tempdir().unwrap();
        let seen = || observe(&Vantage::rooted(tree.path())).seen().unwrap().clone();
        assert_eq!((seen().files, seen().unseen.len(), seen().token), (0, 0, None));
        let account = tree.path().join("run/secrets/kubernetes.io/serviceaccount");
        fs::create_dir_all(account.join("..2026")).unwrap();
        fs::create_dir(tree.path().join("var")).unwrap();
        symlink("../run", tree.path().join("var/run")).unwrap();
        fs::write(account.join("..2026/token"), jwt("{}")).unwrap();
        symlink("..2026", account.join("..data")).unwrap();
        symlink("..data/token", account.join("token")).unwrap();
        let size = jwt("{}").len() as u64;
        assert_eq!((seen().files, seen().bytes, seen().token.unwrap().size), (1, size, size));
    }

    #[test]
    fn a_folder_that_cannot_be_looked_at_is_unseen() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("run")).unwrap();
        symlink("secrets", tree.path().join("run/secrets")).unwrap();
        assert_eq!(observe(&Vantage::rooted(tree.path())).seen().unwrap().unseen, ["/run/secrets"]);
    }

    #[test]
    fn too_many_entries_make_the_count_truncated() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("run/secrets")).unwrap();
        for number in 0..=MOST {
            fs::write(tree.path().join(format!("run/secrets/{number}")), "").unwrap();
        }
        let seen = observe(&Vantage::rooted(tree.path())).seen().unwrap().clone();
        assert!(seen.truncated && seen.files == 512, "{seen:?}");
    }
}
