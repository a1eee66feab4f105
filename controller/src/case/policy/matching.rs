//! Three-valued matching: a part that cannot be evaluated neither matches nor differs.

/// The result of a comparison with a policy's part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Match {
    /// The part matches.
    Yes,
    /// The part differs.
    No,
    /// The part cannot be evaluated, for this reason.
    Unknown(String),
}

impl Match {
    /// Returns the result of two parts that must both match.
    pub(super) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                Self::Yes | Self::Unknown(_) => Self::Unknown(why),
            },
        }
    }

    /// Returns the result of a part that must not match.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown(why) => Self::Unknown(why),
        }
    }

    /// Returns the result of parts that must all match.
    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::Yes, |all, part| all.and(|| part))
    }

    /// Returns the result of parts of which one must match.
    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::No;
        for part in parts {
            match part {
                Self::Yes => return Self::Yes,
                Self::Unknown(_) if all == Self::No => all = part,
                Self::Unknown(_) | Self::No => (),
            }
        }
        all
    }
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_decides_only_where_no_other_part_does() {
        let unknown = || Match::Unknown("why".to_owned());
        assert_eq!(Match::any([unknown(), Match::Yes]), Match::Yes);
        assert_eq!(Match::any([unknown(), Match::No]), unknown());
        assert_eq!(Match::any([]), Match::No);
        assert_eq!(unknown().and(|| Match::No), Match::No);
        assert_eq!(unknown().and(|| Match::Yes), unknown());
        assert_eq!(Match::Yes.and(unknown), unknown());
        assert_eq!(Match::all([unknown(), Match::No]), Match::No);
        assert_eq!(Match::all([Match::Yes, unknown(), Match::Yes]), unknown());
        assert_eq!(Match::all([]), Match::Yes);
        assert_eq!(unknown().not(), unknown());
    }
}
