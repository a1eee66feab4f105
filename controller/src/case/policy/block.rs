//! Blocks of addresses in CIDR notation (RFC 4632, section 3.1).

use std::{fmt, net::IpAddr};

/// A block of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    address: IpAddr,
    prefix: u8,
}

impl Block {
    /// Parses a block such as `10.0.0.0/8`. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.parse().ok().filter(|&prefix: &u8| prefix <= most)?;
        Some(Self { address, prefix })
    }

    /// Returns true if the block contains an address. No block contains addresses of the other family.
    pub fn contains(&self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_contains_addresses_with_its_prefix() {
        for (block, address, contained) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.6", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let block = Block::parse(block).unwrap();
            assert_eq!(block.contains(address.parse().unwrap()), contained, "{block} {address}");
        }
    }

    #[test]
    fn a_text_that_is_no_block_is_refused() {
        for text in ["10.0.0.0", "10.0.0.0/33", "::/129", "example/8", "10.0.0.0/", "/8"] {
            assert_eq!(Block::parse(text), None, "{text}");
        }
    }
}
