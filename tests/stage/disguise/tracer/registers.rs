//! The registers of a stopped process that a system call, its result and a signal handler use.

use nix::{libc::user_regs_struct, sys::ptrace, unistd::Pid};

/// A system call at its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: i64,
    pub(super) arguments: [u64; 6],
}

/// All registers of a process in a stop.
#[derive(Debug)]
pub(super) struct Registers {
    process: Pid,
    all: user_regs_struct,
}

impl Registers {
    pub(super) fn of(process: Pid) -> nix::Result<Self> {
        Ok(Self { process, all: ptrace::getregs(process)? })
    }

    /// Gives the process another result of the call that ends.
    pub(super) fn give(mut self, result: i64) -> nix::Result<()> {
        self.set_result(result.cast_unsigned());
        ptrace::setregs(self.process, self.all)
    }
}

// syscall(2) and the calling conventions of functions: a handler has its context in the third argument.
#[cfg(target_arch = "x86_64")]
impl Registers {
    pub(super) fn call(&self) -> Call {
        let it = &self.all;
        Call { number: it.orig_rax.cast_signed(), arguments: [it.rdi, it.rsi, it.rdx, it.r10, it.r8, it.r9] }
    }

    pub(super) fn result(&self) -> i64 {
        self.all.rax.cast_signed()
    }

    fn set_result(&mut self, result: u64) {
        self.all.rax = result;
    }

    pub(super) fn stack(&self) -> u64 {
        self.all.rsp
    }

    pub(super) fn context_of_handler(&self) -> u64 {
        self.all.rdx
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    pub(super) fn call(&self) -> Call {
        let [first, second, third, fourth, fifth, sixth, _, _, number, ..] = self.all.regs;
        Call { number: number.cast_signed(), arguments: [first, second, third, fourth, fifth, sixth] }
    }

    pub(super) fn result(&self) -> i64 {
        self.all.regs[0].cast_signed()
    }

    fn set_result(&mut self, result: u64) {
        self.all.regs[0] = result;
    }

    pub(super) fn stack(&self) -> u64 {
        self.all.sp
    }

    pub(super) fn context_of_handler(&self) -> u64 {
        self.all.regs[2]
    }
}
