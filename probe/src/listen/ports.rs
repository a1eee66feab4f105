//! The ports of a listener as its command line names them.

use std::{num::NonZeroU16, str::FromStr};

use proto::{Refused, listener::Port};

/// The ports of a listener, in the form `PORT[,PORT/PROTOCOL]...`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ports {
    /// The port without which the listener does not run, by TCP and by UDP.
    pub(crate) own: NonZeroU16,
    /// The ports on which the listener answers if it can.
    pub(crate) further: Vec<Port>,
}

impl FromStr for Ports {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let mut ports = text.split(',');
        let own = ports.next().and_then(|own| own.parse().ok());
        let own = own.ok_or(Refused::OutOfRange { field: "port" })?;
        Ok(Self { own, further: ports.map(str::parse).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).unwrap()
    }

    #[test]
    fn the_first_port_is_the_listeners_own() {
        assert_eq!("7777".parse(), Ok(Ports { own: port(7777), further: Vec::new() }));
        let further = vec![Port::Tcp(port(443)), Port::Udp(port(53))];
        assert_eq!("7777,443/tcp,53/udp".parse(), Ok(Ports { own: port(7777), further }));
    }

    #[test]
    fn a_port_of_another_form_is_refused() {
        for wrong in ["", "0", "65536", "443/tcp", "7777,", "7777,53", "7777,53/dns", "7777, 53/udp"] {
            assert_eq!(wrong.parse::<Ports>(), Err(Refused::OutOfRange { field: "port" }), "{wrong}");
        }
    }
}
