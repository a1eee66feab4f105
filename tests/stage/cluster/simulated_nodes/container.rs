//! The container of every simulated pod. An exec runs the pod's command as a process of kwok, below a root in which `/probe` is
//! a script. The script starts the real probe as a container runtime does: as nobody, with process and mount namespaces of its
//! own, and with a root that has the probe alone. Its network drops every packet, as a policy that denies everything does.

use std::path::Path;

use super::Place;
use crate::run;

/// The root of kwok: the machine's files, and `/probe`.
pub(super) const ROOT: &str = "/run/simulated/root";

const FURNISH: &str = r#"
cd /run; mkdir -p simulated/upper simulated/work simulated/root; cd simulated
mount -t overlay simulated -o lowerdir=/,upperdir=upper,workdir=work root
for folder in /proc /dev /usr "$STATE" "$KWOK"; do
    mkdir -p "root$folder"; mount --rbind "$folder" "root$folder"
done
mkdir -p root/container; mount -t tmpfs container root/container
mkdir root/container/proc root/container/dev root/container/tmp; chmod 1777 root/container/tmp
for device in null zero urandom; do
    touch "root/container/dev/$device"; mount --bind "/dev/$device" "root/container/dev/$device"
done
cp "$PROBE" root/container/probe; chmod 755 root/container/probe
touch network root/network
unshare --net=network sh -ec 'ip link set lo up; ip link add nowhere type bridge; ip address add 10.64.0.1/10 dev nowhere
    ip link set nowhere up arp off; ip route add default dev nowhere'
mount --bind network root/network
cat >root/probe <<'END'
#!/bin/sh
exec nsenter --net=/network setpriv --no-new-privs unshare --mount --pid --fork --kill-child --mount-proc=/container/proc \
    chroot --userspec=65534:65534 --groups= /container /probe "$@"
END
chmod 755 root/probe
"#;

/// Makes the root of kwok and the container in it. kwok also sees the folder with all files of the cluster, and its own.
pub(super) fn furnish(place: Place, state: &Path, kwok: &Path) {
    let variables = [("STATE", state), ("KWOK", kwok), ("PROBE", &run::probe())]
        .map(|(name, path)| format!("{name}='{}'\n", path.display()));
    place.sh(&(variables.concat() + FURNISH));
}
