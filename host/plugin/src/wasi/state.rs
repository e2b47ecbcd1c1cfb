//! The inert world of one call: a clock, random numbers and two streams of output, as plain values.
//!
//! All of it begins anew with every call and depends on nothing but the calls made so far, so an
//! answer depends on nothing but its question. Everything that can be asked for is bounded.

use crate::limits::{LOG_LINE_BYTES_MAX, RANDOM_BYTES_MAX, WASI_CALLS_MAX, WASI_HANDLES_MAX};
use sha2::{Digest, Sha256};

/// The moment at which every call begins, as the wall clock has it: 2000-01-01T00:00:00Z.
const MOMENT_S: u64 = 946_684_800;
/// What one look at a clock takes, so that waiting for it ends: a millisecond.
pub(super) const STEP_NS: u64 = 1_000_000;
/// The seed of all randomness. Nothing in here is meant to be secret.
const SEED: &[u8] = b"fillsync: the same numbers for every question";
const NS_PER_S: u64 = 1_000_000_000;

/// Why a call of WASI stops the plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Stopped(pub(super) String);

/// Where a plugin writes when it writes as a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Standard,
    Error,
}

/// What one call has done with WASI so far.
#[derive(Debug, Default)]
pub(crate) struct Inert {
    calls: u32,
    handles: u32,
    elapsed_ns: u64,
    random_block: u64,
    random_left: Vec<u8>,
    random_bytes: usize,
    standard: Line,
    error: Line,
}

/// A line that has not ended.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
}

impl Inert {
    /// Counts a call, so that nobody keeps the host busy instead of computing.
    pub(super) fn called(&mut self) -> Result<(), Stopped> {
        self.calls += 1;
        if self.calls > WASI_CALLS_MAX {
            let cause = format!("it called WASI more than {WASI_CALLS_MAX} times in one call");
            return Err(Stopped(cause));
        }
        Ok(())
    }

    /// Counts a handle that is handed out; they are the engine's memory, not the plugin's.
    pub(super) fn handed_out(&mut self) -> Result<(), Stopped> {
        self.handles += 1;
        if self.handles > WASI_HANDLES_MAX {
            let cause = format!("it holds more than {WASI_HANDLES_MAX} handles of WASI");
            return Err(Stopped(cause));
        }
        Ok(())
    }

    pub(super) fn gave_back(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    /// Nanoseconds since the call began. To look at it takes a step.
    pub(super) fn monotonic_ns(&mut self) -> u64 {
        self.elapsed_ns = self.elapsed_ns.saturating_add(STEP_NS);
        self.elapsed_ns
    }

    /// Seconds since 1970 and nanoseconds of the second. To look at it takes a step.
    pub(super) fn wall(&mut self) -> (u64, u32) {
        let elapsed = self.monotonic_ns();
        let nanoseconds = u32::try_from(elapsed % NS_PER_S).unwrap_or_default();
        (MOMENT_S.saturating_add(elapsed / NS_PER_S), nanoseconds)
    }

    /// Whether a moment of the monotonic clock has come.
    pub(super) fn has_come(&self, moment_ns: u64) -> bool {
        self.elapsed_ns >= moment_ns
    }

    /// Waits by setting the clock.
    pub(super) fn wait_until(&mut self, moment_ns: u64) {
        self.elapsed_ns = self.elapsed_ns.max(moment_ns);
    }

    /// So many nanoseconds from now.
    pub(super) const fn in_ns(&self, duration_ns: u64) -> u64 {
        self.elapsed_ns.saturating_add(duration_ns)
    }

    /// The next random bytes: SHA-256 of the seed and a counter.
    pub(super) fn random(&mut self, length: u64) -> Result<Vec<u8>, Stopped> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.random_bytes = self.random_bytes.saturating_add(length);
        if self.random_bytes > RANDOM_BYTES_MAX {
            let cause =
                format!("it asked for more than {RANDOM_BYTES_MAX} random bytes in one call");
            return Err(Stopped(cause));
        }
        while self.random_left.len() < length {
            let block = Sha256::new()
                .chain_update(SEED)
                .chain_update(self.random_block.to_le_bytes())
                .finalize();
            self.random_block += 1;
            self.random_left.extend_from_slice(&block);
        }
        Ok(self.random_left.drain(..length).collect())
    }

    pub(super) fn random_u64(&mut self) -> Result<u64, Stopped> {
        let bytes = self.random(8)?;
        Ok(bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }

    /// Takes a piece of output that has at most one end of a line, as its last byte; gives the line
    /// that it ends.
    pub(crate) fn written(&mut self, output: Output, piece: &[u8]) -> Option<String> {
        let line = match output {
            Output::Standard => &mut self.standard,
            Output::Error => &mut self.error,
        };
        line.add(piece);
        let ended = piece.ends_with(b"\n").then(|| line.end())?;
        (!ended.trim().is_empty()).then_some(ended)
    }

    /// The lines that were begun and not ended.
    pub(crate) fn unended(&mut self) -> Vec<(Output, String)> {
        [
            (Output::Standard, self.standard.end()),
            (Output::Error, self.error.end()),
        ]
        .into_iter()
        .filter(|(_, text)| !text.trim().is_empty())
        .collect()
    }
}

impl Line {
    /// What is longer than a line of the log is not kept.
    fn add(&mut self, piece: &[u8]) {
        let text = piece.strip_suffix(b"\n").unwrap_or(piece);
        let room = LOG_LINE_BYTES_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend(text.iter().take(room));
    }

    fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_begins_at_the_same_moment_and_a_look_takes_a_step() {
        let (mut one, mut two) = (Inert::default(), Inert::default());
        let moments: Vec<_> = (0..3).map(|_| one.wall()).collect();
        assert_eq!(moments, (0..3).map(|_| two.wall()).collect::<Vec<_>>());
        assert_eq!(moments.first(), Some(&(MOMENT_S, 1_000_000)));
        assert_eq!(one.monotonic_ns(), 4 * STEP_NS);
    }

    #[test]
    fn to_wait_is_to_set_the_clock_forward_and_never_back() {
        let mut inert = Inert::default();
        let moment = inert.in_ns(60 * NS_PER_S);
        assert!(!inert.has_come(moment));
        inert.wait_until(moment);
        inert.wait_until(5);
        assert!(inert.has_come(moment));
        assert_eq!(inert.wall().0, MOMENT_S + 60);
        inert.wait_until(u64::MAX);
        assert_eq!(
            inert.monotonic_ns(),
            u64::MAX,
            "the end of time is no overflow"
        );
    }

    #[test]
    fn randomness_is_one_sequence_however_it_is_asked_for_and_ends() {
        let (mut one, mut two) = (Inert::default(), Inert::default());
        let whole = one.random(100).unwrap_or_default();
        let mut pieces = two.random(33).unwrap_or_default();
        pieces.extend(two.random(67).unwrap_or_default());
        assert_eq!(whole, pieces);
        let zeros = whole.iter().filter(|byte| **byte == 0).count();
        assert!(whole.len() == 100 && zeros < 5, "{whole:?}");
        assert!(one.random(u64::MAX).is_err());
        assert!(one.random(1).is_err(), "what is used up stays used up");
    }

    #[test]
    fn what_is_written_in_pieces_becomes_lines() {
        let mut inert = Inert::default();
        let mut write = |output, piece: &[u8]| inert.written(output, piece);
        assert_eq!(write(Output::Standard, b"one "), None);
        assert_eq!(write(Output::Error, b"\xff\n"), Some("\u{fffd}".to_owned()));
        assert_eq!(
            write(Output::Standard, b"line\n"),
            Some("one line".to_owned())
        );
        assert_eq!(
            write(Output::Standard, b"\n"),
            None,
            "an empty line says nothing"
        );
        assert_eq!(write(Output::Standard, b"the end"), None);
        assert_eq!(inert.unended(), [(Output::Standard, "the end".to_owned())]);
        assert_eq!(inert.written(Output::Error, &vec![b'x'; 1 << 20]), None);
        let kept: usize = inert.unended().iter().map(|(_, text)| text.len()).sum();
        assert_eq!(kept, LOG_LINE_BYTES_MAX);
    }

    #[test]
    fn calls_and_handles_are_bounded() {
        let mut inert = Inert::default();
        assert!((0..WASI_CALLS_MAX).all(|_| inert.called().is_ok()));
        assert!(inert.called().is_err());
        assert!((0..WASI_HANDLES_MAX).all(|_| inert.handed_out().is_ok()));
        assert!(inert.handed_out().is_err());
        inert.gave_back();
        inert.gave_back();
        assert!(inert.handed_out().is_ok());
    }
}
