//! A strategy that tries whatever WASI has, as its settings say, and tells in its notes what it got.
//!
//! Built for wasm32-wasip2, the standard library turns each of these deeds into calls of WASI. Like the
//! hostile strategy, it behaves until it sees the group of its settings.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "misbehaving is what it is for"
)]

use fillsync_plugin::strategy::{Decision, Shown, StrategyError, View};
use fillsync_plugin::{Card, Remarks, Strategy, own_count};
use serde::Deserialize;
use std::fmt::Debug;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    #[default]
    LookAround,
    BusyWait,
    Sleep,
    SleepForever,
    Files,
    Network,
    Print,
    PrintFlood,
    PrintWithoutEnd,
    Complain,
    Exit,
    Randomness,
    RandomFlood,
    HoardHandles,
    LookAtClockForever,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    deed: Deed,
    group: Option<String>,
}

struct Curious(Settings);

impl Strategy for Curious {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "curious",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Tries whatever WASI has.",
            settings_schema: r#"{"type":"object","properties":{"deed":{"type":"string"},"group":{"type":"string"}},"additionalProperties":false}"#,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, _remarks: &mut Remarks) -> Self {
        Self(settings)
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let behaves = self
            .0
            .group
            .as_ref()
            .is_some_and(|group| *group != view.group);
        let mut found = if behaves {
            Vec::new()
        } else {
            try_it(self.0.deed)
        }
        .into_iter();
        let shown = |member| Shown {
            note: found.next(),
            ..own_count(member, None)
        };
        Ok(Decision {
            shown: view.members.iter().map(shown).collect(),
        })
    }
}

/// Does it, and says what came of it: a line for each thing that was tried.
fn try_it(deed: Deed) -> Vec<String> {
    match deed {
        Deed::LookAround => look_around(),
        Deed::BusyWait => {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(60) {}
            vec![line("waited", began.elapsed().as_secs())]
        }
        Deed::Sleep => {
            let began = Instant::now();
            std::thread::sleep(Duration::from_secs(3600));
            vec![line("slept", began.elapsed().as_secs())]
        }
        Deed::SleepForever => {
            std::thread::sleep(Duration::MAX);
            Vec::new()
        }
        Deed::Files => files(),
        Deed::Network => network(),
        Deed::Print => {
            println!("to standard output");
            eprintln!("to standard error");
            print!("without an end");
            let _ = std::io::Write::flush(&mut std::io::stdout());
            Vec::new()
        }
        Deed::PrintFlood => {
            for number in 0..10_000 {
                println!("line {number} {}", "x".repeat(2000));
            }
            Vec::new()
        }
        Deed::PrintWithoutEnd => loop {
            eprint!("{}", "x".repeat(4000));
        },
        Deed::Complain => {
            eprintln!("I cannot go on over the second of two lines,");
            eprintln!("and that is my last word");
            std::process::abort();
        }
        Deed::Exit => std::process::exit(3),
        Deed::Randomness => vec![line("random", random(40))],
        Deed::RandomFlood => loop {
            std::hint::black_box(random(64 * 1024));
        },
        Deed::HoardHandles => hoard(),
        Deed::LookAtClockForever => loop {
            let _ = Instant::now();
        },
    }
}

// What the standard library has no word for. These deeds are for wasm32-wasip2 alone.

#[cfg(target_os = "wasi")]
fn random(length: u64) -> Vec<u8> {
    wasip2::random::random::get_random_bytes(length)
}

#[cfg(target_os = "wasi")]
fn hoard() -> Vec<String> {
    let mut kept = Vec::new();
    loop {
        kept.push(wasip2::clocks::monotonic_clock::subscribe_duration(1));
    }
}

#[cfg(not(target_os = "wasi"))]
fn random(length: u64) -> Vec<u8> {
    panic!("no WASI to ask for {length} bytes")
}

#[cfg(not(target_os = "wasi"))]
fn hoard() -> Vec<String> {
    panic!("no WASI to ask for handles")
}

fn line(what: &str, found: impl Debug) -> String {
    format!("{what}: {found:?}")
}

fn look_around() -> Vec<String> {
    let mut input = String::new();
    let read = std::io::stdin().read_to_string(&mut input);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    vec![
        line("variables", std::env::vars().count()),
        line("arguments", std::env::args().count()),
        line("input", (read.ok(), input)),
        line("moment", now.map(|now| now.as_millis()).ok()),
    ]
}

fn files() -> Vec<String> {
    let kind = |error: std::io::Error| error.kind();
    vec![
        line("read", std::fs::read("/etc/passwd").map_err(kind)),
        line("write", std::fs::write("written", "x").map_err(kind)),
        line("list", std::fs::read_dir("/").map(drop).map_err(kind)),
    ]
}

fn network() -> Vec<String> {
    let kind = |error: std::io::Error| error.kind();
    vec![
        line(
            "connect",
            TcpStream::connect("127.0.0.1:1").map(drop).map_err(kind),
        ),
        line(
            "listen",
            TcpListener::bind("127.0.0.1:0").map(drop).map_err(kind),
        ),
        line(
            "send",
            UdpSocket::bind("127.0.0.1:0").map(drop).map_err(kind),
        ),
        line(
            "resolve",
            "localhost:1".to_socket_addrs().map(drop).map_err(kind),
        ),
    ]
}

fillsync_plugin::export_strategy!(Curious);
