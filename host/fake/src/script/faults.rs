//! Faults as a script names them.
//!
//! Promise: a fault that lacks a key of its own is refused with the key's name, never filled in with a guess.

use super::play::ScriptError;
use super::words::{FaultStep, StreamFaultStep};
use crate::fault::{FOREVER, Fault, Match};
use crate::stream::{StreamFault, StreamMatch};

/// `None`: once; zero: for ever.
pub(super) fn times(given: Option<u32>) -> u32 {
    match given {
        None => 1,
        Some(0) => FOREVER,
        Some(times) => times,
    }
}

pub(super) fn fault(number: usize, step: &FaultStep, order: &str) -> Result<Fault, ScriptError> {
    let lacks = |key| ScriptError::Lacks { step: number, key };
    let text = || step.text.clone().unwrap_or_default();
    let ms = || step.ms.ok_or_else(|| lacks("ms"));
    Ok(match step.what.as_str() {
        "status" => Fault::status(step.status.ok_or_else(|| lacks("status"))?, &text()),
        "refuse" => {
            let code = step.code.ok_or_else(|| lacks("code"))?;
            match (&step.text, Fault::bybit(code)) {
                (None, Some(known)) => known,
                _ => Fault::refuse(code, &text()),
            }
        }
        "too_many_requests" => Fault::TooManyRequests {
            retry_after_s: step.retry_after_s.unwrap_or(1),
            with_headers: step.with_headers.unwrap_or(true),
        },
        "delay" => Fault::Delay { ms: ms()? },
        "delay_answer" => Fault::DelayAnswer { ms: ms()? },
        "cut_body" => Fault::CutBody {
            keep_bytes: step.bytes.ok_or_else(|| lacks("bytes"))?,
        },
        "slow_body" => Fault::SlowBody {
            piece_bytes: step.bytes.ok_or_else(|| lacks("bytes"))?,
            every_ms: ms()?,
        },
        "fill_after" => Fault::FillAfter {
            order: order.to_owned(),
            qty: step.qty.clone().ok_or_else(|| lacks("qty"))?,
            price: step.price.clone().ok_or_else(|| lacks("price"))?,
        },
        "html" => Fault::Html,
        "repeat_page" => Fault::RepeatPage,
        "drop_connection" => Fault::DropConnection,
        "lose_answer" => Fault::LoseAnswer,
        other => {
            return Err(ScriptError::UnknownFault {
                step: number,
                what: other.to_owned(),
            });
        }
    })
}

pub(super) fn matching(step: &FaultStep) -> Match {
    let mut matches = match &step.path {
        Some(path) => Match::path(path),
        None => Match::any(),
    };
    if let Some(account) = &step.account {
        matches = matches.account(account);
    }
    if let Some(page) = step.page {
        matches = matches.page(page);
    }
    if let Some(query) = &step.query {
        matches = matches.query(query);
    }
    matches.after(step.after)
}

pub(super) fn stream_fault(
    number: usize,
    step: &StreamFaultStep,
) -> Result<StreamFault, ScriptError> {
    let lacks = |key| ScriptError::Lacks { step: number, key };
    let ms = || step.ms.ok_or_else(|| lacks("ms"));
    Ok(match step.what.as_str() {
        "drop" => StreamFault::Drop,
        "duplicate" => StreamFault::Duplicate,
        "delay" => StreamFault::Delay { ms: ms()? },
        "late" => StreamFault::Late { ms: ms()? },
        "instead" => StreamFault::Instead {
            text: step.text.clone().ok_or_else(|| lacks("text"))?,
        },
        "cut" => StreamFault::Cut,
        "close" => StreamFault::Close {
            code: step.code.unwrap_or(1000),
            reason: step.text.clone().unwrap_or_default(),
        },
        "silence" => StreamFault::Silence,
        other => {
            return Err(ScriptError::UnknownFault {
                step: number,
                what: other.to_owned(),
            });
        }
    })
}

pub(super) fn stream_matching(step: &StreamFaultStep) -> StreamMatch {
    let mut matches = match &step.frame {
        Some(frame) => StreamMatch::kind(frame),
        None => StreamMatch::any(),
    };
    if let Some(account) = &step.account {
        matches = matches.account(account);
    }
    if let Some(text) = &step.contains {
        matches = matches.contains(text);
    }
    matches.after(step.after)
}
