//! The command `fillsync`: reads its arguments, does what they say, and says how it ended.
//!
//! 0 it worked, 1 it failed, 2 it was called wrongly. Answers go to standard output, everything else
//! to standard error.

use clap::Parser as _;
use fillsync::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The only TLS provider; reqwest is built without one of its own choice.
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
