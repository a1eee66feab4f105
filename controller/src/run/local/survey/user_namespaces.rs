//! The machine's settings for user namespaces of ordinary users. They are only read; no namespace is created.

use std::path::Path;

/// The users who may create a user namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UserNamespaces {
    /// No setting forbids it.
    Allowed,
    /// No user: `user.max_user_namespaces` is 0 (namespaces(7)).
    None,
    /// Only root: Debian's `kernel.unprivileged_userns_clone` is 0.
    OfRoot,
    /// Only programs with an AppArmor profile that allows it: Ubuntu's `kernel.apparmor_restrict_unprivileged_userns`
    /// is 1.
    OfProfiles,
}

pub(crate) fn user_namespaces() -> UserNamespaces {
    below(Path::new("/proc/sys"))
}

fn below(settings: &Path) -> UserNamespaces {
    let is = |setting: &str, value: &str| {
        std::fs::read_to_string(settings.join(setting)).is_ok_and(|text| text.trim() == value)
    };
    if is("user/max_user_namespaces", "0") {
        UserNamespaces::None
    } else if is("kernel/unprivileged_userns_clone", "0") {
        UserNamespaces::OfRoot
    } else if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        UserNamespaces::OfProfiles
    } else {
        UserNamespaces::Allowed
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_setting_forbids_by_its_own_value() {
        let of = |setting: &str, value: &str| {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join(setting);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value).unwrap();
            below(root.path())
        };
        for (setting, value, may) in [
            ("user/max_user_namespaces", "0\n", UserNamespaces::None),
            ("user/max_user_namespaces", "96364\n", UserNamespaces::Allowed),
            ("kernel/unprivileged_userns_clone", "0\n", UserNamespaces::OfRoot),
            ("kernel/unprivileged_userns_clone", "1\n", UserNamespaces::Allowed),
            ("kernel/apparmor_restrict_unprivileged_userns", "1\n", UserNamespaces::OfProfiles),
            ("kernel/apparmor_restrict_unprivileged_userns", "0\n", UserNamespaces::Allowed),
        ] {
            assert_eq!(of(setting, value), may, "{setting}: {value}");
        }
    }
}
