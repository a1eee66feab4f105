//! The datagrams that the probe and the run's own listener exchange. The token in them distinguishes the listener's answer
//! from anybody else's.

use std::{fmt, num::NonZeroU16, str::FromStr};

use crate::{Nonce, Refused};

/// A port on which a listener answers, by one protocol.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Port {
    /// A port for connections.
    Tcp(NonZeroU16),
    /// A port for datagrams.
    Udp(NonZeroU16),
}

/// The first byte of an answer. A listener never answers an answer: with a forged sender, two listeners would otherwise
/// answer each other for ever.
pub const ANSWER: u8 = 0xff;
/// The first byte of a datagram that is sent one way and wants no answer.
pub const ONE_WAY: u8 = 0xfe;
/// The first byte of a question: has the datagram with this token arrived one way?
pub const ASKED: u8 = 0xfd;

/// Returns the answer by UDP: the token behind its mark.
pub fn answer(Nonce(token): Nonce) -> [u8; 17] {
    marked(ANSWER, token)
}

/// Returns the datagram that is sent one way: the token behind its mark.
pub fn one_way(Nonce(token): Nonce) -> [u8; 17] {
    marked(ONE_WAY, token)
}

/// Returns the token of a datagram that was sent one way; `None` for any other datagram.
pub fn arrived(datagram: &[u8]) -> Option<Nonce> {
    token_behind(ONE_WAY, datagram)
}

/// Returns the question for a token: has it arrived one way?
pub fn question(Nonce(token): Nonce) -> [u8; 17] {
    marked(ASKED, token)
}

/// Returns the token that a question asks for; `None` for any other datagram.
pub fn asked(datagram: &[u8]) -> Option<Nonce> {
    token_behind(ASKED, datagram)
}

// === impl Port ===

impl Port {
    /// Returns the port's number.
    pub const fn number(self) -> NonZeroU16 {
        match self {
            Self::Tcp(number) | Self::Udp(number) => number,
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(number) => write!(formatter, "{number}/tcp"),
            Self::Udp(number) => write!(formatter, "{number}/udp"),
        }
    }
}

impl FromStr for Port {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = Refused::OutOfRange { field: "port" };
        let (number, protocol) = text.split_once('/').ok_or(refused.clone())?;
        let number = number.parse().map_err(|_| refused.clone())?;
        match protocol {
            "tcp" => Ok(Self::Tcp(number)),
            "udp" => Ok(Self::Udp(number)),
            _ => Err(refused),
        }
    }
}

fn token_behind(mark: u8, datagram: &[u8]) -> Option<Nonce> {
    let (&first, token) = datagram.split_first()?;
    (first == mark).then(|| token.first_chunk().copied().map(Nonce))?
}

fn marked(mark: u8, token: [u8; 16]) -> [u8; 17] {
    let mut datagram = [mark; 17];
    for (place, byte) in datagram.iter_mut().skip(1).zip(token) {
        *place = byte;
    }
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_datagram_sent_one_way_gives_its_token() {
        let token = Nonce([7; 16]);
        assert_eq!(arrived(&one_way(token)), Some(token));
        assert_eq!(arrived(&answer(token)), None);
        assert_eq!(arrived(&one_way(token)[..16]), None);
        assert_eq!(arrived(&[]), None);
    }

    #[test]
    fn a_question_alone_gives_the_token_that_is_asked_for() {
        let token = Nonce([7; 16]);
        assert_eq!((asked(&question(token)), asked(&one_way(token))), (Some(token), None));
    }

    #[test]
    fn a_port_is_read_as_it_is_written() {
        for text in ["53/udp", "443/tcp"] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), text);
        }
        assert_eq!("53/icmp".parse::<Port>(), Err(Refused::OutOfRange { field: "port" }));
    }
}
