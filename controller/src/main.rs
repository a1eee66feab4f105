//! The command `controller`.

use std::process::ExitCode;

fn main() -> ExitCode {
    controller::run(std::env::args_os()).into()
}
