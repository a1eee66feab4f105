//! The only `unsafe` code of the project: operations for which nix offers no safe function.
#![expect(unsafe_code, reason = "the kernel is asked directly; each block states why it is sound")]

mod calls;
mod counter;
mod fault;
mod platform;
mod process_image;
mod sockets;
mod spawn;
mod time_page;
mod watch;

pub(crate) use calls::{answer, kernel_log, statfs};
pub(crate) use counter::counter;
pub(crate) use fault::fault_frame;
pub(crate) use platform::{call_duration, call_site, gs_pointer, processor_identity, segment_registers};
pub(crate) use process_image::{auxiliary_vector, execution_name, platform, vdso, vdso_address};
pub(crate) use sockets::{socket_option, socket_option_bytes};
pub(crate) use spawn::spawn;
pub(crate) use time_page::time_page;
pub(crate) use watch::watch;
