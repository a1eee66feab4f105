//! Annotations of a pod that change its sandbox, if the node's runtime passes them on. gVisor reads those below
//! `dev.gvisor.`: flags of runsc (`runsc/specutils/specutils.go`, `FixConfig`) and settings of their own.

use super::flags::{FLAGS, HARMLESS, PLACES};

/// The effect of an annotation on the isolation of a sandbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The annotation weakens nothing.
    Harmless,
    /// The annotation weakens the sandbox in this way.
    Weakens(&'static str),
    /// No table lists the annotation: its effect is not known.
    Unknown,
}

/// A rule for keys: the beginning below `dev.gvisor.`, the end, and the effect for a value.
type Rule = (&'static str, &'static str, fn(&str) -> Effect);

/// The annotations beside those of flags, the more specific ones first.
const RULES: &[Rule] = &[
    // A bundle of flags is applied without the check of `allow-flag-override` (`runsc/config/config.go`, `ApplyBundles`).
    ("bundle.experimental-high-performance", "", |_| {
        Effect::Weakens("it turns on directfs, whatever the runtime's configuration says")
    }),
    // Names that a restored container has in its checkpoint (`runsc/specutils/specutils.go`).
    ("container-name-remap.", "", harmless),
    // The volume stays a folder of the pod's own, as under another runtime (`pkg/shim/v1/utils/volumes.go`).
    ("empty-dir.", ".force-shared", harmless),
    // Folders of the node for checkpoints that the workload starts (`runsc/boot/restore.go`, `runsc/boot/fscheckpoint.go`).
    ("internal.checkpoint.path", "", |_| Effect::Weakens(FOLDER)),
    ("internal.checkpoint.", "", harmless),
    ("internal.fscheckpoint.path", "", |_| Effect::Weakens(FOLDER)),
    ("internal.fscheckpoint.", "", harmless),
    // The list can only take features away (`runsc/boot/loader.go`).
    ("internal.cpufeatures", "", harmless),
    // `runsc/specutils/nvidia.go`, `NVProxyEnabled`; `runsc/specutils/specutils.go`, `TPUProxyEnabled`.
    ("internal.nvproxy", "", proxy),
    ("internal.tpuproxy", "", proxy),
    // The profile would filter calls that gVisor's kernel answers (`runsc/specutils/specutils.go`, `fixSpec`).
    ("internal.seccomp.", "", harmless),
    ("spec.cgroup-parent", "", |_| {
        Effect::Weakens("it moves the sandbox to another control group, whose limits are not the pod's")
    }),
    // Hints for mounts that the pod has: a hint applies to a mount with its source and adds none (`runsc/boot/mount_hints.go`,
    // `FindMount`).
    ("spec.mount.", ".directfs", harmless),
    ("spec.mount.", ".options", harmless),
    ("spec.mount.", ".share", harmless),
    ("spec.mount.", ".source", harmless),
    ("spec.mount.", ".type", harmless),
    // The root in place of the image's (`runsc/boot/mount_hints.go`, `RootfsHint`). The others need a source.
    ("spec.rootfs.source", "", |_| Effect::Weakens("the root is a file or folder of the node")),
    ("spec.rootfs.overlay", "", |value| match value {
        "memory" | "self" => Effect::Harmless,
        _ => Effect::Weakens("writes reach the node's files"),
    }),
    ("spec.rootfs.directfs", "", harmless),
    ("spec.rootfs.options", "", harmless),
    ("spec.rootfs.type", "", harmless),
    // An archive of the node, or of a path that the pod names, becomes part of the root (`runsc/specutils/specutils.go`).
    ("tar.rootfs.upper", "", |_| Effect::Weakens("a file of the node becomes part of the root")),
];

const FOLDER: &str = "the sandbox writes to a folder of the node";
const DRIVER: &str = "calls reach a driver of the node's kernel";

/// Returns the effect of an annotation. A key outside of gVisor's domain has none.
pub fn effect(key: &str, value: &str) -> Effect {
    let Some(name) = key.strip_prefix("dev.gvisor.") else { return Effect::Harmless };
    if let Some(flag) = name.strip_prefix("flag.") {
        return of_flag(flag, value);
    }
    let applies = |(start, end, _): &&Rule| {
        let rest = name.strip_prefix(start);
        // A rule with an end, or for a group of keys, is for keys with a name of their own in it.
        rest.is_some_and(|rest| match (start.ends_with('.'), end.is_empty()) {
            (true, true) => !rest.is_empty(),
            (true, false) => rest.strip_suffix(end).is_some_and(|name| !name.is_empty()),
            (false, _) => rest.is_empty() || (rest.starts_with('.') && *start == "tar.rootfs.upper"),
        })
    };
    RULES.iter().find(applies).map_or(Effect::Unknown, |(_, _, effect)| effect(value))
}

fn of_flag(name: &str, value: &str) -> Effect {
    if let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) {
        let weakens = Effect::Weakens("the flag opens the sandbox with this value");
        return if flag.is_harmless(value) { Effect::Harmless } else { weakens };
    }
    if PLACES.contains(&name) {
        return Effect::Weakens("runsc uses a path or an address of the node that the pod names");
    }
    if HARMLESS.contains(&name) { Effect::Harmless } else { Effect::Unknown }
}

fn harmless(_: &str) -> Effect {
    Effect::Harmless
}

fn proxy(value: &str) -> Effect {
    match value {
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Effect::Harmless,
        _ => Effect::Weakens(DRIVER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_below_the_domain_has_an_effect() {
        let (harmless, weakens, unknown) = (1, 2, 3);
        for (key, value, expected) in [
            ("spec.rootfs.source", "/srv/image.erofs", weakens),
            ("spec.rootfs.overlay", "none", weakens),
            ("spec.rootfs.overlay", "memory", harmless),
            ("spec.rootfs.of-tomorrow", "1", unknown),
            ("spec.cgroup-parent", "/", weakens),
            ("spec.mount.data.type", "bind", harmless),
            ("spec.mount.data.share", "pod", harmless),
            ("spec.mount.data.source", "/etc", harmless),
            ("spec.mount.data.of-tomorrow", "1", unknown),
            ("spec.mount.type", "bind", unknown),
            ("bundle.experimental-high-performance", "true", weakens),
            ("bundle.of-tomorrow", "true", unknown),
            ("internal.nvproxy", "true", weakens),
            ("internal.nvproxy", "false", harmless),
            ("internal.tpuproxy", "1", weakens),
            ("internal.seccomp.app", "RuntimeDefault", harmless),
            ("internal.checkpoint.path", "/srv", weakens),
            ("internal.checkpoint.resume", "true", harmless),
            ("internal.fscheckpoint.path", "/srv", weakens),
            ("internal.of-tomorrow", "true", unknown),
            ("tar.rootfs.upper", "/srv/a.tar", weakens),
            ("tar.rootfs.upper.app", "/srv/a.tar", weakens),
            ("tar.rootfs.uppermost", "/srv/a.tar", unknown),
            ("empty-dir.data.force-shared", "true", harmless),
            ("flag.rdmaproxy", "true", weakens),
            ("flag.rdmaproxy", "false", harmless),
            ("flag.allow-packet-socket-write", "t", weakens),
            ("flag.character-device-policy", "prefer-emulated", weakens),
            ("flag.overlay2", "root:self,size=1g", harmless),
            ("flag.overlay2", "root:dir=/srv", weakens),
            ("flag.debug", "true", harmless),
            ("flag.debug-log", "/srv/", weakens),
            ("flag.pause-external-networking", "true", unknown),
            ("flag.of-tomorrow", "false", unknown),
            ("", "", unknown),
        ] {
            let found = match effect(&format!("dev.gvisor.{key}"), value) {
                Effect::Harmless => harmless,
                Effect::Weakens(_) => weakens,
                Effect::Unknown => unknown,
            };
            assert_eq!(found, expected, "{key}={value}");
        }
    }
}
