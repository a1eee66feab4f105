//! The arguments for the acceptance of saved evidence: its greatest age, and evidence of several places.

use std::time::Duration;

use clap::Args;

/// The greatest age that a limit can have.
const LONGEST: Duration = Duration::from_hours(24 * 3660);

#[derive(Args, Clone, Copy, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Refuse evidence of a run that began longer ago, such as 30m, 12h or 7d; evidence without a time is refused, too
    /// [default: any age]
    #[arg(long, value_name = "TIME", value_parser = age, help_heading = "How to judge")]
    pub(in crate::cli) max_age: Option<Duration>,
    /// Accept evidence of several clusters or namespaces together [default: refused]
    #[arg(long, help_heading = "How to judge")]
    pub(in crate::cli) mixed: bool,
}

/// Parses an age or a life.
pub(in crate::cli) fn age(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() && time <= LONGEST => Ok(time),
        _ => Err("give a time such as 30m, 12h or 7d".to_owned()),
    }
}
