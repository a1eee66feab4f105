//! `probe hold`: the main process of a pod, which waits while probes are started beside it. The process prints a line as
//! soon as it handles signals: a signal that comes earlier is lost, or ends the process as it would end any program.
//!
//! The process also answers on the ports that it is told, so that attempts from outside of the sandbox have somebody to
//! reach. A port that cannot be bound is said.

use std::{
    io::{self, Write},
    num::NonZeroU32,
};

use proto::{Nonce, Refused, listener::Port};

use crate::{
    lifetime::{Error, Lifetime},
    listen::Listener,
};

pub(crate) fn run(ports: &[Port], token: Option<Nonce>, seconds: NonZeroU32) -> Result<(), Error> {
    let lifetime = Lifetime::begin(seconds)?;
    // The process also holds if standard output is closed.
    _ = writeln!(io::stdout(), "probe: holding for {seconds} s");
    let mut listener = Listener::new(token);
    listener.add_possible(ports);
    while lifetime.goes_on(&listener.descriptors())? {
        listener.answer();
    }
    Ok(())
}

/// Parses ports in the form `PORT/PROTOCOL[,PORT/PROTOCOL]...`.
pub(crate) fn ports(text: &str) -> Result<Vec<Port>, Refused> {
    text.split(',').map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_has_a_protocol() {
        let told = ports("8080/tcp,8790/tcp").unwrap();
        assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), ["8080/tcp", "8790/tcp"]);
        for wrong in ["", "8080", "8080/tcp,", "0/tcp"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
