//! Compiling in a process of its own: what comes of it is what this process would have made, and
//! whatever happens to that process is a rejection with its cause.

use crate::plugins::component;
use fillsync::run::COMPILE_COMMAND;
use fillsync_plugin_host::{
    CompileBounds, CompilerProcess, Limits, PluginEngine, Rejection, Stage,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

fn whole(value: usize) -> Vec<u8> {
    let (mut rest, mut bytes) = (value, Vec::new());
    loop {
        let byte = u8::try_from(rest & 0x7f).unwrap();
        rest >>= 7;
        if rest == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], whole(content.len()).as_slice(), content].concat()
}

/// A component with a module beside its own that nobody uses and that is hard to compile: some forty
/// functions of a hundred thousand dependent instructions each.
pub fn bomb(component: &[u8]) -> Vec<u8> {
    const FUNCTIONS: usize = 60;
    const STEPS: usize = 40_000;
    let mut body = vec![0, 0x20, 0];
    for step in 0..STEPS {
        // The parameter and what there is so far, multiplied and xored in turn.
        body.extend([0x20, 0, if step % 2 == 0 { 0x7e } else { 0x85 }]);
    }
    body.push(0x0b);
    let code: Vec<u8> = (0..FUNCTIONS)
        .flat_map(|_| [whole(body.len()).as_slice(), &body].concat())
        .collect();
    let functions = [whole(FUNCTIONS).as_slice(), &[0; FUNCTIONS]].concat();
    let module = [
        b"\0asm\x01\0\0\0".as_slice(),
        // One type: i64 to i64.
        &section(1, &[1, 0x60, 1, 0x7e, 1, 0x7e]),
        &section(3, &functions),
        &section(10, &[whole(FUNCTIONS).as_slice(), &code].concat()),
    ]
    .concat();
    [component, &section(1, &module)].concat()
}

fn compiler(program: &str, arguments: &[&str], bounds: CompileBounds) -> PluginEngine {
    let compiler = CompilerProcess {
        program: PathBuf::from(program),
        arguments: arguments.iter().map(OsString::from).collect(),
        bounds,
    };
    PluginEngine::open(None, Some(compiler)).unwrap()
}

fn ours(bounds: CompileBounds) -> PluginEngine {
    let program = env!("CARGO_BIN_EXE_fillsync-under-test");
    compiler(program, &[COMPILE_COMMAND], bounds)
}

/// A plugin that is not of the binary, so that a child compiles it.
fn foreign() -> Vec<u8> {
    let mut bytes = component("quorum").to_vec();
    bytes.extend(section(0, b"\x05label"));
    bytes
}

fn refused(engine: &PluginEngine, bytes: &[u8]) -> Rejection {
    let rejection = engine.load(bytes, "", &Limits::default()).unwrap_err();
    assert_eq!(rejection.stage, Stage::Compile, "{rejection}");
    assert!(rejection.hint.is_some(), "{rejection}");
    rejection
}

#[test]
fn a_child_makes_what_this_process_would_have_made() {
    let (here, child) = (PluginEngine::new().unwrap(), ours(CompileBounds::default()));
    let settings = r#"{"k":1}"#;
    let load = |engine: &PluginEngine| engine.load(&foreign(), settings, &Limits::default());
    let (here, child) = (load(&here).unwrap(), load(&child).unwrap());
    assert_eq!(here.card(), child.card());
    assert_eq!(here.sha256(), child.sha256());
    let view: fillsync_core::view::View = serde_json::from_str(
        r#"{"group":"desk","symbol":"X","side":"short","cycle":1,"as_of":0,
            "counts_when":"filled","slots":[],"members":[]}"#,
    )
    .unwrap();
    let (answer, report) = here.decide(&view).unwrap();
    let (other_answer, other_report) = child.decide(&view).unwrap();
    assert_eq!((answer, report.fuel), (other_answer, other_report.fuel));
}

#[test]
fn what_the_binary_carries_needs_no_child() {
    let nobody = compiler("/no/such/program", &[], CompileBounds::default());
    nobody
        .load(component("quorum"), "", &Limits::default())
        .unwrap();
    let refused = refused(&nobody, &foreign());
    assert!(refused.cause.contains("/no/such/program"), "{refused}");
}

#[test]
fn a_component_that_explodes_is_stopped_by_time_or_by_memory() {
    let bomb = bomb(component("quorum"));
    let time = CompileBounds {
        time: Duration::from_millis(300),
        ..CompileBounds::default()
    };
    let late = refused(&ours(time), &bomb);
    assert!(late.cause.contains("more than 0.3 s"), "{late}");
    let memory = CompileBounds {
        memory_bytes: 256 << 20,
        time: Duration::from_secs(60),
    };
    let large = refused(&ours(memory), &bomb);
    assert!(
        large.cause.contains("memory") || large.cause.contains("died of it"),
        "{large}"
    );
}

#[test]
fn an_answer_that_is_not_the_childs_own_is_not_believed() {
    let bounds = CompileBounds {
        time: Duration::from_secs(1),
        ..CompileBounds::default()
    };
    for (script, why) in [
        // What it was sent comes back: the key and the component.
        ("cat", "cannot be believed"),
        ("cat >/dev/null", "cannot be believed"),
        (
            "cat >/dev/null; head -c 100000 /dev/zero",
            "cannot be believed",
        ),
        ("exit 0", "cannot be believed"),
        ("exit 3", "died of it"),
        ("kill -9 $$", "died of it"),
        ("kill -XCPU $$", "took more than"),
        ("exec sleep 20", "took more than"),
        ("echo oh no >&2; exit 65", "oh no"),
    ] {
        let engine = compiler("/bin/sh", &["-c", script], bounds);
        let refused = refused(&engine, &foreign());
        assert!(refused.cause.contains(why), "{script}: {refused}");
    }
}

#[test]
fn a_child_has_no_environment_and_so_no_secret() {
    // The words of a child that refuses are its standard error: here its whole environment.
    let script =
        "env | grep -v '^PWD=\\|^OLDPWD=\\|^SHLVL=\\|^_=' | sort | tr '\\n' ' ' >&2; exit 65";
    let engine = compiler("/bin/sh", &["-c", script], CompileBounds::default());
    let refused = refused(&engine, &foreign());
    assert!(
        refused
            .cause
            .ends_with("MALLOC_ARENA_MAX=2 RAYON_NUM_THREADS=2"),
        "{refused}"
    );
}
