//! What standard output needs: a place to write. It has no settings.

use std::io::Write;
use std::sync::{Arc, Mutex};

/// `kind = "stdout"`.
pub const KIND: &str = "stdout";

/// The longest message, in UTF-16 units. Standard output has no limit; a runaway formatter has this one.
pub const CHARACTERS_MAX: usize = 65_536;

/// Where messages are written; tests and the demo give their own.
pub type Sink = Arc<Mutex<dyn Write + Send>>;
