//! `probe hold`: the main process of a pod, which waits while probes are started beside it. The process prints a line as
//! soon as it handles signals: a signal that comes earlier is lost, or ends the process as it would end any program.

use std::{
    io::{self, Write},
    num::NonZeroU32,
};

use crate::lifetime::{Error, Lifetime};

pub(crate) fn run(seconds: NonZeroU32) -> Result<(), Error> {
    let lifetime = Lifetime::begin(seconds)?;
    // The process also holds if standard output is closed.
    _ = writeln!(io::stdout(), "probe: holding for {seconds} s");
    while lifetime.goes_on(&[])? {}
    Ok(())
}
