//! The command `fillsync`, built beside the tests so that they know its path.
//!
//! It does what `host/src/main.rs` does and nothing else: the tests run the very daemon that operators
//! run, as a process of its own that can be killed.

use clap::Parser as _;
use fillsync::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = match Cli::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked_for_help = !error.use_stderr();
            let _ = error.print();
            return if asked_for_help {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error);
            ExitCode::from(1)
        }
    }
}
