//! A limit for tests and for fuzzing.

use std::net::IpAddr;

use super::Limit;
use crate::case::policy::{Block, PeerRule, PodPort, Transport};

/// A limit that permits nothing.
pub(crate) struct Nothing;

impl Limit for Nothing {
    fn blocks(&self) -> Vec<Block> {
        Vec::new()
    }

    fn ports(&self) -> Vec<u16> {
        Vec::new()
    }

    fn is_none(&self) -> bool {
        true
    }

    fn permits(&self, _: IpAddr, _: u16, _: Transport) -> bool {
        false
    }

    fn permits_unknown(&self, _: &PeerRule, _: u16, _: Transport) -> Option<bool> {
        Some(false)
    }

    fn permits_pods(&self, _: &PeerRule, _: &PodPort, _: Transport) -> Result<bool, String> {
        Ok(false)
    }
}
