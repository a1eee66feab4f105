//! A tracer of everything in a container (ptrace(2)). It rewrites the initial memory of a new program, the results of
//! its system calls, the files that it opens, and the frames of its signals. x86-64 alone.

mod files;
mod image;

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{ExitCode, Stdio},
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        ptrace::{self, Options},
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use serde_json::json;
use stage::Invocation;

use super::{Result, forged};
use files::Files;
use image::Image;

/// Offsets of x86-64's `ucontext_t` for its flags, its alternate stack's flags, `REG_ERR` and `REG_TRAPNO`
/// (arch/x86/include/uapi/asm/sigcontext.h), and the values that gVisor writes there.
const FRAME: [(u64, u64); 4] = [(0, 3), (24, 2), (192, 0), (200, 0)];

/// Lets the container run a copy of its program, which is another file of the machine.
pub(super) fn copy(invocation: &Invocation) -> Result<()> {
    let root = invocation.bundle().ok_or("which bundle?")?.join("rootfs");
    fs::copy(root.join("probe"), root.join("copy"))?;
    invocation.change(|config| config["process"]["args"][0] = json!("/copy"))?;
    Ok(())
}

/// Creates the container, seizes its first process, starts it and traces all its descendants.
pub(super) fn run(invocation: &Invocation) -> Result<ExitCode> {
    let bundle = invocation.bundle().ok_or("which bundle?")?;
    let mut files = Files::write(&bundle.join("rootfs"))?;
    let process = create(invocation, bundle)?;
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options)?;
    ptrace::interrupt(process)?;
    // The command ends when the container runs; the loop below sees its end among the traced.
    invocation.command(&["start", invocation.id()])?.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let image = Image::of_the_machines_runsc()?;
    let mut entered = HashMap::new();
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(ended, code)) if ended == process => {
                return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(ended, ..)) if ended == process => return Ok(ExitCode::from(137)),
            // The process may have been killed meanwhile.
            Ok(status) => match resume(status, &image, &mut files, &mut entered) {
                Ok(()) | Err(Errno::ESRCH) => (),
                Err(error) => return Err(error.into()),
            },
            Err(Errno::ECHILD) => return Ok(ExitCode::FAILURE),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The runtime hands its own standard streams to the container and ends.
fn create(invocation: &Invocation, bundle: &Path) -> Result<Pid> {
    let (file, folder) = (bundle.join("pid"), bundle.to_string_lossy());
    let words = ["create", "--bundle", &folder, "--pid-file", &file.to_string_lossy(), invocation.id()]
        .map(str::to_owned);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if !invocation.command(&words)?.status()?.success() {
        return Err("the container could not be created".into());
    }
    Ok(Pid::from_raw(fs::read_to_string(file)?.trim().parse()?))
}

/// Handles one stopped process, and lets it go on.
fn resume(
    status: WaitStatus,
    image: &Image,
    files: &mut Files,
    entered: &mut HashMap<Pid, bool>,
) -> nix::Result<()> {
    match status {
        WaitStatus::PtraceSyscall(process) => {
            let inside = entered.entry(process).or_default();
            *inside = !*inside;
            system_call(process, *inside, files)?;
            ptrace::syscall(process, None)
        }
        WaitStatus::PtraceEvent(process, _, libc::PTRACE_EVENT_EXEC) => {
            image.impose(process)?;
            // The stop at the end of execve(2) follows.
            entered.insert(process, true);
            ptrace::syscall(process, None)
        }
        WaitStatus::PtraceEvent(process, ..) => ptrace::syscall(process, None),
        WaitStatus::Stopped(process, Signal::SIGSEGV) => segmentation_fault(process),
        WaitStatus::Stopped(process, signal) => ptrace::syscall(process, signal),
        _ => Ok(()),
    }
}

/// Changes the path at a system call's beginning, and the result at its end.
fn system_call(process: Pid, begins: bool, files: &mut Files) -> nix::Result<()> {
    let mut registers = ptrace::getregs(process)?;
    let number = registers.orig_rax.cast_signed();
    let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
    if begins {
        files.on_entry(process, number, arguments);
        return Ok(());
    }
    files.on_exit(process, number, arguments, registers.rax.cast_signed());
    match forged::result(process.as_raw(), number, arguments) {
        Some(forged) => {
            registers.rax = forged.cast_unsigned();
            ptrace::setregs(process, registers)
        }
        None => Ok(()),
    }
}

/// Delivers the signal by one step. The process stops before the handler's first instruction, with the context in its
/// third argument.
fn segmentation_fault(process: Pid) -> nix::Result<()> {
    ptrace::step(process, Signal::SIGSEGV)?;
    match waitpid(process, Some(WaitPidFlag::__WALL))? {
        WaitStatus::Stopped(..) => {
            let context = ptrace::getregs(process)?.rdx;
            for (offset, value) in FRAME {
                // Memory that cannot be written holds no frame.
                _ = forged::write(process.as_raw(), context + offset, &value.to_ne_bytes());
            }
            ptrace::syscall(process, None)
        }
        _ => Ok(()),
    }
}
