//! Blocks of addresses in CIDR notation (RFC 4632, section 3.1).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A block of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    address: IpAddr,
    prefix: u8,
}

impl Block {
    /// Parses a block such as `10.0.0.0/8`. Returns `None` for any other text, and for IPv4 written as IPv6 (`::ffff:0:0/96`), which
    /// programs in Go take for IPv4 (`net.IPNet.String`).
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address = address_of(address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.parse().ok().filter(|&prefix: &u8| prefix <= most)?;
        Some(Self { address, prefix })
    }

    /// Returns the block with a prefix of an address. A longer prefix than the family has counts as its longest.
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        Self { address, prefix: prefix.min(if address.is_ipv4() { 32 } else { 128 }) }
    }

    /// Returns the block of one address family with every address.
    pub fn every(is_v4: bool) -> Self {
        let address: IpAddr = if is_v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        Self { address, prefix: 0 }
    }

    /// Returns the length of the prefix in bits.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Returns the first address of the block.
    pub fn first(&self) -> IpAddr {
        let kept = u32::from(self.prefix);
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - kept).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - kept).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        }
    }

    /// Returns the first address behind the block; `None` if the block is the last of its family.
    pub fn next(&self) -> Option<IpAddr> {
        let kept = u32::from(self.prefix);
        match self.first() {
            IpAddr::V4(first) => {
                let size = 1_u32.checked_shl(32 - kept)?;
                Some(Ipv4Addr::from_bits(first.to_bits().checked_add(size)?).into())
            }
            IpAddr::V6(first) => {
                let size = 1_u128.checked_shl(128 - kept)?;
                Some(Ipv6Addr::from_bits(first.to_bits().checked_add(size)?).into())
            }
        }
    }

    /// Returns true if the block contains all addresses of another one.
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.address)
    }

    /// Returns the block of a single address.
    pub fn of_address(text: &str) -> Option<Self> {
        let address = address_of(text)?;
        Some(Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } })
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

/// Parses an address, but for IPv4 written as IPv6.
fn address_of(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let is_mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    (!is_mapped).then_some(address)
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
    fn a_block_has_a_first_and_a_next_address() {
        for (block, first, next) in [
            ("10.1.2.3/8", "10.0.0.0", Some("11.0.0.0")),
            ("0.0.0.0/0", "0.0.0.0", None),
            ("255.255.255.255/32", "255.255.255.255", None),
            ("192.0.2.7/32", "192.0.2.7", Some("192.0.2.8")),
            ("fd00::7/8", "fd00::", Some("fe00::")),
            ("::/0", "::", None),
        ] {
            let block = Block::parse(block).unwrap();
            let next = next.map(|next| next.parse().unwrap());
            assert_eq!((block.first(), block.next()), (first.parse().unwrap(), next), "{block}");
        }
    }

    #[test]
    fn a_text_that_is_no_block_is_refused() {
        for text in ["10.0.0.0", "10.0.0.0/33", "::/129", "example/8", "10.0.0.0/", "/8", "::ffff:0:0/97"] {
            assert_eq!(Block::parse(text), None, "{text}");
        }
    }
}
