//! Answers system calls in the kernel's place, by seccomp user notification (`seccomp_unotify(2)`). The runtime
//! installs the filter and sends its descriptor over a socket (OCI runtime specification, config-linux.md,
//! `listenerPath`).

use std::{
    io::IoSliceMut,
    os::{fd::AsRawFd, unix::net::UnixListener},
    process::ExitCode,
    thread,
};

use libseccomp::{ScmpFd, ScmpNotifReq, ScmpNotifResp, ScmpNotifRespFlags};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::json;
use stage::{Invocation, fingerprint};

use super::{Result, forged};

/// The socket for the filter's descriptor, in the folder of the bundle.
const SOCKET: &str = "listener";

/// Names of all calls that are answered.
pub(super) fn everything() -> Vec<&'static str> {
    ["syslog", "uname"].into_iter().chain(fingerprint::ANSWERS.iter().map(|answer| answer.name)).collect()
}

/// Runs the container with these calls answered here.
pub(super) fn run(invocation: &Invocation, calls: &[&str]) -> Result<ExitCode> {
    let path = invocation.bundle().ok_or("which bundle?")?.join(SOCKET);
    let listener = UnixListener::bind(&path)?;
    let answered = fingerprint::ANSWERS.iter().filter(|answer| calls.contains(&answer.name));
    let mut rules: Vec<_> =
        answered.map(|answer| fingerprint::rule(answer, "SCMP_ACT_NOTIFY", None)).collect();
    let texts: Vec<_> = ["syslog", "uname"].into_iter().filter(|name| calls.contains(name)).collect();
    rules.push(json!({ "names": texts, "action": "SCMP_ACT_NOTIFY" }));
    invocation.change(|config| {
        config["linux"]["seccomp"] =
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "syscalls": rules });
    })?;
    // It ends with this program, which ends with the runtime.
    thread::spawn(move || supervise(&listener).map_err(|error| error.to_string()));
    Ok(invocation.pass_on()?)
}

fn supervise(listener: &UnixListener) -> Result<()> {
    let (connection, _) = listener.accept()?;
    let mut state = vec![0; 1 << 16];
    let mut slices = [IoSliceMut::new(&mut state)];
    let mut space = nix::cmsg_space!(ScmpFd);
    let message =
        recvmsg::<()>(connection.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let filter = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    let filter = filter.ok_or("the runtime sent no filter")?;
    loop {
        let request = ScmpNotifReq::receive(filter)?;
        // The calling process may be gone; nobody then waits for the answer.
        _ = answer(&request).respond(filter);
    }
}

fn answer(request: &ScmpNotifReq) -> ScmpNotifResp {
    let flags = ScmpNotifRespFlags::empty();
    let number = i64::from(i32::from(request.data.syscall));
    match forged::result(request.pid.cast_signed(), number, request.data.args) {
        Some(value @ ..=-1) => {
            ScmpNotifResp::new_error(request.id, i32::try_from(value).unwrap_or(-1), flags)
        }
        Some(value) => ScmpNotifResp::new_val(request.id, value, flags),
        None => ScmpNotifResp::new_continue(request.id, flags),
    }
}
