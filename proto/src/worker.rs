//! The messages between the probe and its worker, a child process of the probe, over a pipe and in bincode.
//!
//! The length of a message precedes it as a little-endian `u32`. A worker that dies within a message therefore leaves a
//! message that is recognisably cut.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Budget, Observed, Observer, Target};

/// The longest message, in bytes: four times the size of the longest list of texts that a look is expected to give.
const LONGEST: usize = 1 << 20;

/// The probe's order to a worker.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Order {
    /// The observers to run, in this order.
    pub observers: Vec<Observer>,
    /// The targets of the egress observer.
    pub targets: Vec<Target>,
    /// The time limits of the run.
    pub budget: Budget,
}

/// The worker's messages while it works.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Progress {
    /// The observer begins to look. If nothing follows, the observer that began last is to blame.
    Begun(Observer),
    /// The observer has this result.
    Done(Observed),
}

/// The reason why a message could not be carried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipe failed, or ended within a message.
    #[error("the pipe to the worker broke")]
    Pipe(#[from] io::Error),
    /// A message is longer than this protocol allows.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// A message could not be written in bincode.
    #[error("failed to encode a message")]
    Encode(#[from] bincode::error::EncodeError),
    /// The bytes do not decode to the expected message.
    #[error("failed to decode a message")]
    Decode(#[from] bincode::error::DecodeError),
}

/// Writes one message.
pub fn send(into: &mut impl Write, message: &impl Serialize) -> Result<(), Error> {
    let body = bincode::serde::encode_to_vec(message, bincode::config::standard())?;
    let length = u32::try_from(body.len()).map_err(|_| Error::TooLong(body.len()))?;
    into.write_all(&length.to_le_bytes())?;
    Ok(into.write_all(&body)?)
}

/// Reads one message; returns `None` if the pipe has ended and no message has begun.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, Error> {
    let mut length = [0; 4];
    if from.by_ref().take(1).read(&mut length)? == 0 {
        return Ok(None);
    }
    from.read_exact(length.get_mut(1..).unwrap_or_default())?;
    let mut body = vec![0; bounded(length)?];
    from.read_exact(&mut body)?;
    decode(&body).map(Some)
}

/// Takes one message from the front of `bytes`; returns `None` if it is not yet there whole.
pub fn take<T: DeserializeOwned>(bytes: &mut Vec<u8>) -> Result<Option<T>, Error> {
    let Some(&length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let end = 4 + bounded(length)?;
    let Some(body) = bytes.get(4..end) else { return Ok(None) };
    let message = decode(body)?;
    bytes.drain(..end);
    Ok(Some(message))
}

fn bounded(length: [u8; 4]) -> Result<usize, Error> {
    match usize::try_from(u32::from_le_bytes(length)) {
        Ok(length) if length <= LONGEST => Ok(length),
        Ok(length) => Err(Error::TooLong(length)),
        Err(_) => Err(Error::TooLong(usize::MAX)),
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let limited = bincode::config::standard().with_limit::<LONGEST>();
    Ok(bincode::serde::decode_from_slice(body, limited)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, MemoryTotal, Observation};

    fn progress() -> Progress {
        let outcome = Observation::Seen(Fact::MemoryTotal(MemoryTotal { bytes: 1 << 28 }));
        Progress::Done(Observed { observer: Observer::MemoryTotal, outcome })
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let mut bytes = Vec::new();
        send(&mut bytes, &Progress::Begun(Observer::MemoryTotal)).unwrap();
        send(&mut bytes, &progress()).unwrap();
        let mut pipe = bytes.as_slice();
        assert_eq!(receive(&mut pipe).unwrap(), Some(Progress::Begun(Observer::MemoryTotal)));
        assert_eq!(receive(&mut pipe).unwrap(), Some(progress()));
        assert_eq!(receive::<Progress>(&mut pipe).unwrap(), None);
        assert_eq!(take(&mut bytes).unwrap(), Some(Progress::Begun(Observer::MemoryTotal)));
        assert_eq!(take(&mut bytes).unwrap(), Some(progress()));
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_cut_message_is_an_error_to_receive_and_incomplete_to_take() {
        let mut whole = Vec::new();
        send(&mut whole, &progress()).unwrap();
        for length in 1..whole.len() {
            let mut cut = whole[..length].to_vec();
            assert!(matches!(receive::<Progress>(&mut cut.as_slice()), Err(Error::Pipe(_))));
            assert_eq!(take::<Progress>(&mut cut).unwrap(), None);
            assert_eq!(cut.len(), length);
        }
    }

    #[test]
    fn a_length_beyond_the_longest_message_is_refused_before_allocation() {
        let mut bytes = u32::MAX.to_le_bytes().to_vec();
        assert!(matches!(take::<Progress>(&mut bytes), Err(Error::TooLong(_))));
    }
}
