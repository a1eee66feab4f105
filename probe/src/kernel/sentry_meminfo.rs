//! `/proc/sentry-meminfo`: memory statistics of gVisor's own process, which grow with each reading
//! (gVisor, `pkg/sentry/fsimpl/proc/tasks_files.go`, `sentryMeminfoData`).

use std::{fs::File, io::Read};

use proto::{Observation, SentryMeminfo};

use crate::vantage::{Vantage, understood};

const PATH: &str = "/proc/sentry-meminfo";
/// The number of bytes that are read, more than the file ever had.
const MOST: u64 = 4096;

pub(crate) fn observe(vantage: &Vantage) -> Observation<SentryMeminfo> {
    understood(reading(vantage), |(on_procfs, first)| {
        let Observation::Seen((_, second)) = reading(vantage) else {
            return Err("the file was there once, and then no more".to_owned());
        };
        Ok(SentryMeminfo { on_procfs, mallocs_first: mallocs(&first)?, mallocs_second: mallocs(&second)? })
    })
}

/// Returns true if the file belongs to procfs itself, with the file's text.
fn reading(vantage: &Vantage) -> Observation<(bool, String)> {
    let open = || {
        let file = File::open(vantage.path(PATH))?;
        let on_procfs = vantage.is_of_kernel(PATH, &file.metadata()?)?;
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text)?;
        Ok((on_procfs, text))
    };
    open().map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

fn mallocs(text: &str) -> Result<u64, String> {
    let line = text.lines().find_map(|line| line.strip_prefix("Mallocs:"));
    line.and_then(|count| count.trim().parse().ok())
        .ok_or_else(|| "the file counts no allocations".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of runsc 0.0~20221219 of Debian bookworm.
    const RECORDED: &str = "Alloc:              1526 kB\nTotalAlloc:         3315 kB\nSys:               18733 kB\n\
        Mallocs:           17637\nFrees:              7840\nLive Objects:       9797\n";

    #[test]
    fn allocations_are_read() {
        assert_eq!(mallocs(RECORDED), Ok(17637));
        assert!(mallocs("Alloc: 1526 kB\n").is_err());
    }

    #[test]
    fn an_imitation_outside_of_procfs_is_seen_as_one() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("proc")).unwrap();
        std::fs::write(tree.path().join("proc/sentry-meminfo"), RECORDED).unwrap();
        let imitation = SentryMeminfo { on_procfs: false, mallocs_first: 17637, mallocs_second: 17637 };
        assert_eq!(observe(&Vantage::rooted(tree.path())), Observation::Seen(imitation));
    }
}
