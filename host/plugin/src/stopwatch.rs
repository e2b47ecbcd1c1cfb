//! How long each stage of a candidate's way in took, for the row that records its outcome.

use crate::error::Stage;
use std::time::{Duration, Instant};

/// Measures one stage after the other.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    last: Instant,
    laps: Vec<(Stage, Duration)>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            last: Instant::now(),
            laps: Vec::new(),
        }
    }

    /// What happened since the last lap was this stage.
    pub(crate) fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        self.laps.push((stage, now.duration_since(self.last)));
        self.last = now;
    }

    /// The stages in their order.
    pub(crate) fn laps(self) -> Vec<(Stage, Duration)> {
        self.laps
    }
}
