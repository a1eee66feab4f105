//! A tracer of everything in a container (ptrace(2)). It rewrites the initial memory of a new program, the results of
//! its system calls, the files that it opens, and the frames of its signals.

mod files;
mod image;
mod registers;

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
use registers::{Call, Registers};

/// Offsets of `ucontext_t` for its flags, its alternate stack's flags, `REG_ERR` and `REG_TRAPNO`
/// (arch/x86/include/uapi/asm/sigcontext.h), and the values that gVisor writes there.
#[cfg(target_arch = "x86_64")]
const FRAME: &[(u64, u64)] = &[(0, 3), (24, 2), (192, 0), (200, 0)];
/// Offsets of `ucontext_t` for its flags, its alternate stack's flags and the first record
/// (arch/arm64/include/uapi/asm/sigcontext.h), and the values that gVisor writes there.
#[cfg(target_arch = "aarch64")]
const FRAME: &[(u64, u64)] = &[(0, 0), (24, 2), (464, 0)];

/// The state of all traced processes.
#[derive(Debug, Default)]
struct Traced {
    files: Files,
    /// Calls that have begun and not ended.
    calls: HashMap<Pid, Call>,
    /// Words of frames as Linux wrote them, by address. Linux refuses to return from a changed frame on some architectures.
    frames: HashMap<Pid, Vec<(u64, Vec<u8>)>>,
}

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
    let mut traced = Traced { files: Files::write(&bundle.join("rootfs"))?, ..Traced::default() };
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
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(ended, code)) if ended == process => {
                return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(ended, ..)) if ended == process => return Ok(ExitCode::from(137)),
            // The process may have been killed meanwhile.
            Ok(status) => match traced.resume(status, &image) {
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

// === impl Traced ===

impl Traced {
    /// Handles one stopped process, and lets it go on.
    fn resume(&mut self, status: WaitStatus, image: &Image) -> nix::Result<()> {
        match status {
            WaitStatus::PtraceSyscall(process) => {
                let registers = Registers::of(process)?;
                match self.calls.remove(&process) {
                    Some(call) => self.end(process, call, registers)?,
                    None => self.begin(process, registers.call()),
                }
                ptrace::syscall(process, None)
            }
            WaitStatus::PtraceEvent(process, _, libc::PTRACE_EVENT_EXEC) => {
                let registers = Registers::of(process)?;
                image.impose(process, registers.stack())?;
                // The stop at the end of execve(2) follows.
                self.calls.entry(process).or_insert_with(|| registers.call());
                ptrace::syscall(process, None)
            }
            WaitStatus::PtraceEvent(process, ..) => ptrace::syscall(process, None),
            WaitStatus::Stopped(process, Signal::SIGSEGV) => self.segmentation_fault(process),
            WaitStatus::Stopped(process, signal) => ptrace::syscall(process, signal),
            _ => Ok(()),
        }
    }

    /// Changes the path of a file that is opened.
    fn begin(&mut self, process: Pid, call: Call) {
        self.files.on_entry(process, call.number, call.arguments);
        if call.number == libc::SYS_rt_sigreturn {
            for (address, bytes) in self.frames.remove(&process).unwrap_or_default() {
                _ = forged::write(process.as_raw(), address, &bytes);
            }
        }
        self.calls.insert(process, call);
    }

    /// Changes the result of a call.
    fn end(&mut self, process: Pid, call: Call, registers: Registers) -> nix::Result<()> {
        self.files.on_exit(process, call.number, call.arguments, registers.result());
        match forged::result(process.as_raw(), call.number, call.arguments) {
            Some(forged) => registers.give(forged),
            None => Ok(()),
        }
    }

    /// Delivers the signal by one step. The process stops before the handler's first instruction.
    fn segmentation_fault(&mut self, process: Pid) -> nix::Result<()> {
        ptrace::step(process, Signal::SIGSEGV)?;
        match waitpid(process, Some(WaitPidFlag::__WALL))? {
            WaitStatus::Stopped(..) => {
                let context = Registers::of(process)?.context_of_handler();
                let frame = self.frames.entry(process).or_default();
                for (offset, value) in FRAME {
                    let address = context + offset;
                    // Memory that cannot be written holds no frame.
                    if let Ok(bytes) = forged::read(process.as_raw(), address, size_of::<u64>()) {
                        frame.push((address, bytes));
                        _ = forged::write(process.as_raw(), address, &value.to_ne_bytes());
                    }
                }
                ptrace::syscall(process, None)
            }
            _ => Ok(()),
        }
    }
}
