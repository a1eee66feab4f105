//! The rounds in which a run attempts every target.

use std::time::Duration;

/// The time after which a network that opens late is open: the slowest plugins read a new pod's policies from their agent
/// within seconds (docs/network.md).
pub const SETTLED: Duration = Duration::from_secs(5);

/// The number of rounds, and the time between them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rounds {
    /// No round: `--no-network` leaves the attempts out.
    None,
    /// One round at the start, so that a network that opens later is not seen.
    One,
    /// Two rounds, of which the second begins so long after the first.
    Two(Duration),
}

// === impl Rounds ===

impl Default for Rounds {
    fn default() -> Self {
        Self::Two(SETTLED)
    }
}

impl Rounds {
    /// Returns the rounds of a settle time; a time of zero asks for one round.
    pub const fn of(settle: Duration) -> Self {
        if settle.is_zero() { Self::One } else { Self::Two(settle) }
    }

    /// Returns the start of the second round, counted from the start of the first; `None` for one round.
    pub const fn again(self) -> Option<Duration> {
        match self {
            Self::None | Self::One => None,
            Self::Two(settle) => Some(settle),
        }
    }

    /// Returns a settle time in words, such as "5 s".
    pub fn words(settle: Duration) -> String {
        let (seconds, millis) = (settle.as_secs(), settle.subsec_millis());
        if millis == 0 { format!("{seconds} s") } else { format!("{} ms", settle.as_millis()) }
    }

    /// Returns true if the second round comes late enough to see a network that opens late.
    pub fn suffice(self) -> bool {
        self.again().is_some_and(|settle| settle >= SETTLED)
    }
}
