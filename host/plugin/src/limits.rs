//! The budget of a plugin: what one call may use, and what a file may be.
//!
//! Every bound has a default that a first-party plugin stays a hundred times below, and a ceiling
//! that no configuration can raise. Fuel is the bound that counts, because it is the same on every
//! machine; time is the backstop for a machine that is slow.

use std::time::Duration;

/// What one plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one call, instantiation and `configure` included; about one unit per instruction.
    /// Default 200 million (some 50 ms); a first-party strategy uses less than 0.1 million.
    pub fuel: u64,
    /// Time of one call, by the wall clock, in steps of [`crate::TICK`]. Default 500 ms.
    pub time: Duration,
    /// Memory of one instance, over all its linear memories. Default 64 MiB.
    pub memory_bytes: usize,
    /// What one call may hand to the host in one piece: its answer, or one log line. Default 1 MiB.
    pub output_bytes: usize,
    /// The size of the file. Default 32 MiB.
    pub file_bytes: usize,
}

/// The most that a configuration may ask for.
pub const CEILING: Limits = Limits {
    fuel: 20_000_000_000,
    time: Duration::from_secs(30),
    memory_bytes: 512 * MIB,
    output_bytes: 16 * MIB,
    file_bytes: 128 * MIB,
};

/// The stack of a call, which no configuration changes.
pub const STACK_BYTES: usize = 512 * 1024;
/// Core instances, memories and tables in one component instance; Python components need 40.
pub(crate) const INSTANCES_MAX: usize = 64;
pub(crate) const MEMORIES_MAX: usize = 4;
pub(crate) const TABLES_MAX: usize = 64;
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Log lines that are kept of one call.
pub const LOG_LINES_MAX: usize = 200;
/// Bytes that are kept of one log line.
pub const LOG_LINE_BYTES_MAX: usize = 1024;
/// Bytes that are kept of all log lines of one call.
pub const LOG_BYTES_MAX: usize = 64 * 1024;
/// Calls of WASI in one call of a plugin, the handles it may hold, and the random bytes it may take.
pub(crate) const WASI_CALLS_MAX: u32 = 1_000_000;
pub(crate) const WASI_HANDLES_MAX: u32 = 1000;
pub(crate) const RANDOM_BYTES_MAX: usize = MIB;
/// Lines of one message.
pub const MESSAGE_LINES_MAX: usize = 500;
/// Characters of one message; of a raw payload, [`fillsync_core::limits::RAW_BYTES_MAX`] bytes.
pub const MESSAGE_CHARACTERS_MAX: usize = 64 * 1024;

const MIB: usize = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 200_000_000,
            time: Duration::from_millis(500),
            memory_bytes: 64 * MIB,
            output_bytes: MIB,
            file_bytes: 32 * MIB,
        }
    }
}

impl Limits {
    /// Checks the limits against zero and the [`CEILING`].
    ///
    /// # Errors
    /// Names the limit, its value and the range.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: u128, ceiling: u128| {
            if value == 0 || value > ceiling {
                Err(format!("{name} is {value}; it must be from 1 to {ceiling}"))
            } else {
                Ok(())
            }
        };
        range("fuel", self.fuel.into(), CEILING.fuel.into())?;
        range(
            "time in ms",
            self.time.as_millis(),
            CEILING.time.as_millis(),
        )?;
        range(
            "memory in bytes",
            self.memory_bytes as u128,
            CEILING.memory_bytes as u128,
        )?;
        range(
            "output in bytes",
            self.output_bytes as u128,
            CEILING.output_bytes as u128,
        )?;
        range(
            "file in bytes",
            self.file_bytes as u128,
            CEILING.file_bytes as u128,
        )
    }
}

/// "33 MiB", "64 KiB" or "17 bytes", for messages.
pub(crate) fn bytes(count: usize) -> String {
    match count {
        count if count >= MIB => format!("{} MiB", count.div_ceil(MIB)),
        count if count >= 1024 => format!("{} KiB", count.div_ceil(1024)),
        count => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_cannot_work_are_named() {
        assert_eq!(Limits::default().check(), Ok(()));
        assert_eq!(CEILING.check(), Ok(()));
        let none = Limits {
            fuel: 0,
            ..Limits::default()
        };
        assert_eq!(
            none.check(),
            Err("fuel is 0; it must be from 1 to 20000000000".to_owned())
        );
        let long = Limits {
            time: Duration::from_secs(60),
            ..Limits::default()
        };
        assert!(long.check().is_err_and(|error| error.starts_with("time")));
    }
}
