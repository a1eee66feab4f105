//! `probe hold`: the main process of a pod, which waits while probes are started beside it. It says when a signal would be
//! heard: one that comes before is lost, or ends it as any program.

use std::{
    io::{self, Write},
    num::NonZeroU32,
};

use crate::lifetime::{Error, Lifetime};

pub(crate) fn run(seconds: NonZeroU32) -> Result<(), Error> {
    let lifetime = Lifetime::begin(seconds)?;
    // Where nobody reads, it holds all the same.
    _ = writeln!(io::stdout(), "probe: holding for {seconds} s");
    while lifetime.goes_on(&[])? {}
    Ok(())
}
