//! The argument that lets a run begin at a random moment.

use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use crate::{
    cli::{error::CommandError, verify::time},
    judge::exit::Exit,
    run::{RunError, interrupt::Interrupt, jitter},
};

#[derive(Args, Clone, Copy, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Begin after a random part of this time, such as 5m, so that the scheduled runs of many namespaces do not begin together
    /// [default: at once]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "How to report")]
    jitter: Option<Duration>,
}

impl Arguments {
    /// Returns the wait before the run, which ends with [`Exit::Ready`] unless a signal ends the command; `None` for a run that
    /// begins at once.
    pub(in crate::cli) fn wait(self) -> Option<impl Future<Output = Result<Exit, CommandError>>> {
        let most = self.jitter?;
        Some(async move {
            let mut interrupt = Interrupt::watch().map_err(RunError::Signals)?;
            tokio::select! {
                biased;
                () = interrupt.arrival() => Ok(Exit::Interrupted),
                () = sleep(jitter().of(most)) => Ok(Exit::Ready),
            }
        })
    }
}
