//! The command `controller`.

use std::process::ExitCode;

fn main() -> ExitCode {
    controller::run_command_line(std::env::args_os()).into()
}
