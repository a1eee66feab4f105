//! The world around a command: its runtime, the API server, random numbers, the time, signals and streams. A command takes them
//! from this machine, unless a test gives its thread a simulated world.

use std::{
    cell::RefCell,
    io::{self, Write},
    pin::Pin,
    rc::Rc,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::{BoxError, util::BoxService};

use super::printable;

/// A simulated API server, as a client calls it.
pub type Server = BoxService<Request<Body>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// A simulated world. `tests/simulated` has the only one.
pub trait World {
    /// Runs a command to its end, or drops it in the middle, as a kill does.
    fn block_on(&self, command: Pin<Box<dyn Future<Output = ()> + '_>>);
    /// Returns the way to the simulated API server, to which the product adds its own door.
    fn server(&self) -> Server;
    /// Returns the signals INT and TERM that arrive from now on.
    fn signals(&self) -> UnboundedReceiver<()>;
    /// Fills the bytes with random numbers.
    fn fill(&self, bytes: &mut [u8]);
    /// Returns the seconds since 1970.
    fn now(&self) -> u64;
    /// Returns the static program of an image.
    fn program(&self) -> Vec<u8>;
    /// Takes a part of a command's output, or fails as a closed pipe does.
    fn write(&self, stream: Stream, bytes: &[u8]) -> io::Result<()>;
}

/// A stream that a command writes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// The command's standard output.
    Output,
    /// The command's standard error.
    Error,
}

thread_local! {
    static SIMULATED: RefCell<Option<Rc<dyn World>>> = const { RefCell::new(None) };
}

/// Returns the simulated world of this thread; `None` on a user's machine.
pub(crate) fn simulated() -> Option<Rc<dyn World>> {
    SIMULATED.with_borrow(Clone::clone)
}

/// Runs a function with a simulated world in the place of this machine.
pub(crate) fn within<T>(world: Rc<dyn World>, run: impl FnOnce() -> T) -> T {
    /// Restores the machine, even if the function panics.
    struct Left;
    impl Drop for Left {
        fn drop(&mut self) {
            SIMULATED.set(None);
        }
    }
    SIMULATED.set(Some(world));
    let _left = Left;
    run()
}

/// Tells a person on standard error what a command did beside its answer.
pub(crate) fn say(text: &str) {
    // If standard error is closed, the exit code still tells.
    _ = write(Stream::Error, format!("{}\n", printable::line(text)).as_bytes());
}

/// Writes to a stream of the command, and sends it on at once.
pub(crate) fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    if let Some(world) = simulated() {
        return world.write(stream, bytes);
    }
    match stream {
        Stream::Output => {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Stream::Error => io::stderr().write_all(bytes),
    }
}
