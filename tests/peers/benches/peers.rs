//! Figure p: one question to a strategy, here and in what else could have been chosen.
//!
//! Every peer gets the same view as this house's core has it and must give back the core's rows, so
//! turning it into what the peer understands (tables, JSON) is part of the call, as it is here. Each
//! runs the same rule, `max-count`; answers are compared for every size before anything is timed, and
//! all of them take turns within each round. Extism and rhai have bounds armed as far as they have any;
//! LuaJIT has none that a compiled loop would keep to, which is why it is no candidate for strangers' code.
//!
//! `cargo bench --manifest-path tests/peers/Cargo.toml -- --write` puts the table into
//! `tests/BENCHMARKS.md`; `--quick` does few rounds.
#![allow(
    dead_code,
    reason = "the parts shared with the other figures are used in part"
)]

#[path = "../../benches/figures/measure.rs"]
mod measure;
#[path = "../../benches/figures/report.rs"]
mod report;
#[path = "../../benches/figures/strategy.rs"]
mod strategy;

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use fillsync_core::view::{Shown, View};
use fillsync_plugin_host::{Limits, Loaded, PluginEngine, first_party};
use measure::{Rounds, Samples, time};
use mlua::{Function, Lua, LuaSerdeExt as _};
use report::{Figure, Section};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../BENCHMARKS.md");
const LUA: &str = include_str!("max_count.lua");
const RHAI: &str = include_str!("max_count.rhai");

fn main() {
    let (mut write, mut rounds) = (false, Rounds { quick: false });
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--write" => write = true,
            "--quick" => rounds.quick = true,
            "--bench" => {}
            other => {
                eprintln!("peers: {other:?} is neither --write nor --quick");
                std::process::exit(2);
            }
        }
    }
    let figure = Figure::of('p', || measure(&rounds));
    println!("{}", figure.markdown());
    if write {
        report::write(&figure, Path::new(FILE));
    }
}

/// One way of asking.
struct Peer {
    name: &'static str,
    ask: Box<dyn FnMut(&View) -> Vec<Shown>>,
}

fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("a strategy's answer, here and elsewhere");
    let guest = guest();
    for accounts in [2_u32, 10, 100] {
        let view = strategy::view(accounts);
        let expected = strategy::max_count(&view);
        let mut peers = peers(&guest);
        let mut samples: Vec<Samples> = Vec::new();
        for peer in &mut peers {
            let answer = (peer.ask)(&view);
            assert_eq!(answer, expected, "{} gives the same answer", peer.name);
            for _ in 0..rounds.of(100) {
                black_box((peer.ask)(black_box(&view)));
            }
            samples.push(Samples::default());
        }
        for _ in 0..rounds.of(2_000) {
            for (peer, samples) in peers.iter_mut().zip(&mut samples) {
                samples.add_us(time(|| black_box((peer.ask)(black_box(&view)))).1);
            }
        }
        for (peer, samples) in peers.iter().zip(samples) {
            section.line(
                format!("{accounts} accounts: {}", peer.name),
                "µs",
                samples,
                "",
            );
        }
    }
    section.remark(
        "The same rule over the same view, answers checked to be equal; turning the view into what the peer reads and its answer into rows is part of each call. Bounds armed: here fuel, time, memory, output; Extism time and memory; rhai operations; LuaJIT none."
            .to_owned(),
    );
    section
}

fn peers(guest: &[u8]) -> Vec<Peer> {
    vec![
        here(),
        extism_live(guest),
        extism_fresh(guest),
        lua_live(),
        lua_fresh(),
        rhai_fresh(),
        Peer {
            name: "Rust function",
            ask: Box::new(strategy::max_count),
        },
    ]
}

fn here() -> Peer {
    let bytes = first_party()
        .iter()
        .find(|plugin| plugin.name == "max-count")
        .expect("max-count ships in the binary")
        .bytes;
    let engine = PluginEngine::new().unwrap();
    let plugin: Arc<Loaded> = engine.load(bytes, "", &Limits::default()).unwrap();
    Peer {
        name: "**fillsync**, fresh instance",
        ask: Box::new(move |view| plugin.decide(view).unwrap().0),
    }
}

fn manifest(guest: &[u8]) -> Manifest {
    let limits = Limits::default();
    let pages = u32::try_from(limits.memory_bytes / 65_536).unwrap();
    Manifest::new([Wasm::data(guest)])
        .with_timeout(limits.time)
        .with_memory_max(pages)
}

fn ask_extism(plugin: &mut Plugin, view: &View) -> Vec<Shown> {
    let question = serde_json::to_vec(view).unwrap();
    let answer: &[u8] = plugin.call("decide", question.as_slice()).unwrap();
    serde_json::from_slice(answer).unwrap()
}

fn extism_live(guest: &[u8]) -> Peer {
    let mut plugin = PluginBuilder::new(manifest(guest)).build().unwrap();
    Peer {
        name: "Extism 1.30, one instance for all calls",
        ask: Box::new(move |view| ask_extism(&mut plugin, view)),
    }
}

fn extism_fresh(guest: &[u8]) -> Peer {
    let compiled: CompiledPlugin = PluginBuilder::new(manifest(guest)).compile().unwrap();
    Peer {
        name: "Extism 1.30, fresh instance",
        ask: Box::new(move |view| {
            let mut plugin = Plugin::new_from_compiled(&compiled).unwrap();
            ask_extism(&mut plugin, view)
        }),
    }
}

fn ask_lua(lua: &Lua, decide: &Function, view: &View) -> Vec<Shown> {
    let question = lua.to_value(view).unwrap();
    let answer: mlua::Value = decide.call(question).unwrap();
    lua.from_value(answer).unwrap()
}

fn lua_live() -> Peer {
    let lua = Lua::new();
    let decide: Function = lua.load(LUA).eval().unwrap();
    Peer {
        name: "LuaJIT (mlua 0.12), one state for all calls",
        ask: Box::new(move |view| ask_lua(&lua, &decide, view)),
    }
}

fn lua_fresh() -> Peer {
    Peer {
        name: "LuaJIT (mlua 0.12), fresh state",
        ask: Box::new(|view| {
            let lua = Lua::new();
            let decide: Function = lua.load(LUA).eval().unwrap();
            ask_lua(&lua, &decide, view)
        }),
    }
}

fn rhai_fresh() -> Peer {
    let mut engine = rhai::Engine::new();
    engine.set_max_operations(10_000_000);
    let script = engine.compile(RHAI).unwrap();
    Peer {
        name: "rhai 1.27, fresh scope",
        ask: Box::new(move |view| {
            let question = rhai::serde::to_dynamic(view).unwrap();
            let mut scope = rhai::Scope::new();
            let answer: rhai::Dynamic = engine
                .call_fn(&mut scope, &script, "decide", (question,))
                .unwrap();
            rhai::serde::from_dynamic(&answer).unwrap()
        }),
    }
}

/// The guest, built for wasm32-unknown-unknown into this workspace's target folder.
fn guest() -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTFLAGS") {
            cargo.env_remove(&name);
        }
    }
    let status = cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/guest"))
        .args(["build", "--quiet", "--locked", "--release"])
        .args(["--target", "wasm32-unknown-unknown", "--target-dir"])
        .arg(&target)
        .status()
        .unwrap();
    assert!(status.success(), "the Extism guest does not build");
    let file = "wasm32-unknown-unknown/release/fillsync_extism_guest.wasm";
    std::fs::read(target.join(file)).unwrap()
}
