//! The time. The command line reads it once for each run and hands it down.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::world;

/// Returns the seconds since 1970, for saved records.
pub(crate) fn now() -> u64 {
    if let Some(world) = world::simulated() {
        return world.now();
    }
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Returns today's date in UTC, which is the same for every user.
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
