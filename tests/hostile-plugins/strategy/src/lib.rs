//! A strategy that misbehaves as its settings say, so that the host's limits can be tested.
//!
//! `{"deed": "loop"}` misbehaves on every view and so never gets past the self-test;
//! `{"deed": "loop", "group": "trouble"}` behaves until it sees the group of that name.
#![allow(clippy::panic, reason = "misbehaving is what it is for")]

use fillsync_plugin::strategy::{Decision, Shown, StrategyError, View};
use fillsync_plugin::{Card, Level, Remarks, Strategy, log, own_count};
use serde::Deserialize;
use std::collections::HashSet;
use std::hint::black_box;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    #[default]
    Behave,
    Loop,
    LoopInConfigure,
    Recurse,
    Allocate,
    Panic,
    FloodAnswer,
    FloodLog,
    LongNote,
    TooMany,
    HashOrder,
    Stranger,
    Twice,
    LeaveOut,
    Undecided,
    Fail,
    Warn,
    Refuse,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    deed: Deed,
    group: Option<String>,
}

struct Hostile {
    deed: Deed,
    group: Option<String>,
}

impl Strategy for Hostile {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "hostile",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Misbehaves.",
            settings_schema: r#"{"type":"object","properties":{"deed":{"type":"string"},"group":{"type":"string"}},"additionalProperties":false}"#,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, remarks: &mut Remarks) -> Self {
        match settings.deed {
            Deed::LoopInConfigure => forever(),
            Deed::Warn => remarks.warning("/deed", "this is odd"),
            Deed::Refuse => remarks.error("/deed", "not this one"),
            _ => {}
        }
        Self {
            deed: settings.deed,
            group: settings.group,
        }
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let mut shown: Vec<Shown> = view
            .members
            .iter()
            .map(|member| own_count(member, None))
            .collect();
        if self
            .group
            .as_ref()
            .is_some_and(|group| *group != view.group)
        {
            return Ok(Decision { shown });
        }
        match self.deed {
            Deed::Behave | Deed::LoopInConfigure | Deed::Warn | Deed::Refuse => {}
            Deed::Loop => forever(),
            Deed::Recurse => {
                black_box(deeper(black_box(1)));
            }
            Deed::Allocate => {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            Deed::Panic => panic!("I was told to panic over {}", view.symbol),
            Deed::FloodAnswer => shown.push(Shown {
                account: "x".repeat(8 << 20),
                count: 0,
                note: None,
            }),
            Deed::FloodLog => {
                for line in 0..10_000 {
                    log(Level::Info, &format!("line {line} {}", "x".repeat(2000)));
                }
            }
            Deed::LongNote => {
                for row in &mut shown {
                    row.note = Some("two\nlines ".repeat(1000));
                }
            }
            Deed::TooMany => {
                for row in &mut shown {
                    row.count = 1_000_000;
                }
            }
            // A set of names has no order of its own, and the notes are made in whatever order it has.
            Deed::HashOrder => {
                let names: HashSet<&str> =
                    view.members.iter().map(|m| m.account.as_str()).collect();
                let note: Vec<&str> = names.into_iter().collect();
                for row in &mut shown {
                    row.note = Some(note.join(" "));
                }
            }
            Deed::Stranger => shown.push(Shown {
                account: "nobody".to_owned(),
                count: 0,
                note: None,
            }),
            Deed::Twice => shown.extend(shown.first().cloned()),
            Deed::LeaveOut => {
                shown.pop();
            }
            Deed::Undecided => return Err(StrategyError::Undecided("who knows".to_owned())),
            Deed::Fail => return Err(StrategyError::Internal("it broke".to_owned())),
        }
        Ok(Decision { shown })
    }
}

fn forever() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    deeper(black_box(depth + 1)).wrapping_add(depth)
}

fillsync_plugin::export_strategy!(Hostile);
