//! The command `fillsync`.
//!
//! 0 it worked, 1 it failed, 2 it was called wrongly. Answers go to standard output, everything else
//! to standard error. What it does stands in `cli.rs`.

fn main() -> std::process::ExitCode {
    fillsync::cli::main()
}
