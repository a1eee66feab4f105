//! Rules of the house, which no compiler holds. The tests read the repository's sources as data.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends here")]

mod arrows;
mod imports;
mod pages;
mod product;
mod sources;
mod words;
