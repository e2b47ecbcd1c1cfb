//! The command `fillsync`, built beside the tests so that they know its path.
//!
//! The tests run the very command that operators run, as a process of its own that can be killed.

fn main() -> std::process::ExitCode {
    fillsync::cli::main()
}
