//! Plans of a run, made before anything is touched. [`local`] plans the sandbox of this machine, [`cluster`] plans the probes
//! of a namespace. Both share the observers, the run's name and the tokens.

pub mod cluster;
pub mod defaults;
pub(crate) mod endpoint;
pub mod local;
pub mod needs;
pub(crate) mod renewal;
pub(crate) mod startup_taint;
mod wanted;

use proto::{Nonce, Observer};

pub use wanted::{Named, Wanted};

/// Returns every observer; the observer that keeps all processors busy only if it is asked for.
pub(crate) fn observers(measures_cpu: bool) -> Vec<Observer> {
    let wanted = |observer: &Observer| measures_cpu || *observer != Observer::ProcessorShare;
    Observer::ALL.iter().copied().filter(wanted).collect()
}

/// Returns the name that every object of a run bears.
pub(crate) fn run_name(Nonce(bytes): Nonce) -> String {
    let name = bytes.iter().take(4).map(|byte| format!("{byte:02x}"));
    format!("podproof-{}", name.collect::<String>())
}

/// Returns the token of one of several addresses: its last byte is the address's index.
pub(crate) fn token_for_address(Nonce(mut token): Nonce, index: usize) -> Nonce {
    let [.., last] = &mut token;
    *last = u8::try_from(index).unwrap_or(u8::MAX);
    Nonce(token)
}

/// Returns the token for the address that another token belongs to.
pub(crate) fn token_for_address_of(token: Nonce, Nonce([.., index]): Nonce) -> Nonce {
    token_for_address(token, index.into())
}
