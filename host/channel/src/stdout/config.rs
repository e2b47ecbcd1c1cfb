//! What standard output needs: a place to write. It has no settings.

use std::io::Write;
use std::sync::{Arc, Mutex};

/// `kind = "stdout"`.
pub const KIND: &str = "stdout";

/// Where messages are written; tests and the demo give their own.
pub type Sink = Arc<Mutex<dyn Write + Send>>;
