//! A plugin's file before any of it is compiled: what it is, what it wants, what it answers.
//!
//! Everything is read with wasmparser first, because it gives an error where the compiler might not
//! expect one; a panic of a parser on hostile bytes is caught and is a rejection like any other. A
//! core module that wit-bindgen made (as `cargo build --target wasm32-unknown-unknown` leaves it) is
//! turned into the component that it describes, so that authors need no further tool.

use crate::contract::{SPOKEN, Version};
use crate::error::{PluginKind, Rejection, Stage, one_line};
use crate::limits::{Limits, bytes};
use crate::stopwatch::Stopwatch;
use crate::wasi;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::{Encoding, Parser, Payload, Validator};

/// The package of the contract.
const PACKAGE: &str = "fillsync:plugin/";
/// What of the contract a plugin may import: the log, and interfaces that have types only.
const IMPORTS: [&str; 4] = ["log", "types", "alert", "message"];
/// How deep components may be nested in each other before the file is refused.
const NESTING_MAX: usize = 64;

/// How programs and libraries of machines begin: ELF, Mach-O, Windows, and archives of them.
const NATIVE: [&[u8]; 5] = [
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"MZ",
    b"!<arch>",
];

/// A component that may be compiled.
pub(crate) struct Checked<'a> {
    pub(crate) component: Cow<'a, [u8]>,
    pub(crate) kind: PluginKind,
    pub(crate) version: Version,
    /// As the component names them.
    pub(crate) imports: Vec<String>,
}

/// Makes a component of a core module that has a world described in it, as wit-bindgen leaves it.
///
/// # Errors
/// When the module describes no world, or does not fit the world that it describes.
pub fn componentise(module: &[u8]) -> Result<Vec<u8>, Rejection> {
    let encode = || {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(module)
            .and_then(|encoder| encoder.encode())
            .map_err(|error| format!("{error:#}"))
    };
    guarded(encode).map_err(|cause| {
        let hint = if cause.contains("wasi_snapshot_preview1") {
            "it is built for wasm32-wasip1; build it for wasm32-unknown-unknown, as `fillsync plugin build` does"
        } else {
            "build it with the crate fillsync-plugin, or with wit-bindgen from wit/v1"
        };
        Rejection::new(
            Stage::Format,
            format!("the module cannot be made a component: {cause}"),
        )
        .hint(hint)
    })
}

/// A file's names on its outside, whether or not it may be loaded.
pub(crate) struct Outside {
    /// False where it is a core module that describes its world.
    pub(crate) is_component: bool,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl Outside {
    /// The question that it answers, where it answers exactly one.
    pub(crate) fn kind(&self) -> Option<PluginKind> {
        let exports = |wanted: PluginKind| exported(&self.exports, wanted.as_str()).is_some();
        match (
            exports(PluginKind::Strategy),
            exports(PluginKind::Formatter),
        ) {
            (true, false) => Some(PluginKind::Strategy),
            (false, true) => Some(PluginKind::Formatter),
            _ => None,
        }
    }

    /// The version of the contract that its question is asked in.
    pub(crate) fn contract_version(&self) -> Option<&str> {
        Some(exported(&self.exports, self.kind()?.as_str())?.1)
    }

    /// Whether it wants nothing but the contract's own interfaces, none of which has any authority.
    pub(crate) fn reaches_nothing(&self) -> bool {
        self.imports
            .iter()
            .all(|import| ours(import).is_some_and(|(interface, _)| IMPORTS.contains(&interface)))
    }
}

/// Looks at a file without judging what it wants and gives.
///
/// # Errors
/// When it is no component and cannot be made one.
pub(crate) fn outside(file: &[u8]) -> Result<Outside, Rejection> {
    let component = as_component(file)?;
    let Surface { imports, exports } = guarded(|| surface(&component)).map_err(unreadable)?;
    Ok(Outside {
        is_component: matches!(component, Cow::Borrowed(_)),
        imports,
        exports,
    })
}

/// The stages that need no engine: size, format, imports, world.
pub(crate) fn check<'a>(
    file: &'a [u8],
    limits: &Limits,
    stopwatch: &mut Stopwatch,
) -> Result<Checked<'a>, Rejection> {
    limits
        .check()
        .map_err(|cause| Rejection::new(Stage::Size, cause))?;
    if file.len() > limits.file_bytes {
        let cause = format!(
            "the file has {}, its limit is {}",
            bytes(file.len()),
            bytes(limits.file_bytes)
        );
        return Err(
            Rejection::new(Stage::Size, cause).hint("build it optimised for size and stripped")
        );
    }
    let component = as_component(file)?;
    validate(&component)?;
    stopwatch.lap(Stage::Format);
    let surface = guarded(|| surface(&component)).map_err(unreadable)?;
    check_imports(&surface.imports)?;
    stopwatch.lap(Stage::Imports);
    let (kind, version) = check_world(&surface.exports)?;
    stopwatch.lap(Stage::World);
    Ok(Checked {
        component,
        kind,
        version,
        imports: surface.imports,
    })
}

/// What a file imports, without a judgement of it.
pub(crate) fn imports(file: &[u8]) -> Result<Vec<String>, Rejection> {
    let component = as_component(file)?;
    validate(&component)?;
    let surface = guarded(|| surface(&component)).map_err(unreadable)?;
    Ok(surface.imports)
}

/// Whether an import gives nothing but a line in the log, or names of types.
pub(crate) fn is_harmless(import: &str) -> bool {
    ours(import).is_some_and(|(interface, version)| {
        IMPORTS.contains(&interface) && Version::of(interface, version).is_some()
    })
}

fn as_component(file: &[u8]) -> Result<Cow<'_, [u8]>, Rejection> {
    let reject = |cause: &str, hint: &str| Err(Rejection::new(Stage::Format, cause).hint(hint));
    if file.is_empty() {
        return reject(
            "the file is empty",
            "it may still be on its way; copy it under another name and rename it",
        );
    }
    if !file.starts_with(b"\0asm") {
        if file
            .iter()
            .take(64)
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
        {
            return reject(
                "the file is text, not WebAssembly",
                "name the .wasm file that the build made",
            );
        }
        if NATIVE.iter().any(|magic| file.starts_with(magic)) {
            return reject(
                "the file is built for this machine, not for WebAssembly",
                "`fillsync plugin build` builds it; by hand: cargo build --release --target wasm32-unknown-unknown",
            );
        }
        return reject(
            "the file is not WebAssembly",
            "name the .wasm file that the build made",
        );
    }
    if Parser::is_component(file) {
        return Ok(Cow::Borrowed(file));
    }
    if file.get(6) == Some(&1) {
        return reject(
            "the file is a component of another version of the format",
            "build it again with the current tools of its language (wit-bindgen, componentize-py, componentize-js)",
        );
    }
    if !Parser::is_core_wasm(file) {
        return reject(
            "the file is cut off or of an unknown WebAssembly version",
            "build and copy it again",
        );
    }
    validate(file)?;
    if !describes_a_world(file) {
        return reject(
            "the file is a core module, not a component",
            "`fillsync plugin build` makes the component of a project; by hand: build it with the crate fillsync-plugin, or run `wasm-tools component new` on it",
        );
    }
    componentise(file).map(Cow::Owned)
}

/// Every type and instruction, so that what follows works on a sound file.
fn validate(file: &[u8]) -> Result<(), Rejection> {
    guarded(|| {
        Validator::new()
            .validate_all(file)
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .map_err(unreadable)
}

fn unreadable(cause: String) -> Rejection {
    Rejection::new(Stage::Format, format!("the file is damaged: {cause}"))
        .hint("it may have been cut off or changed on its way; build and copy it again")
}

fn describes_a_world(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    })
}

/// What a component has on its outside.
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn surface(component: &[u8]) -> Result<Surface, String> {
    let mut surface = Surface {
        imports: Vec::new(),
        exports: Vec::new(),
    };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| error.to_string())? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != Encoding::Component {
                    return Err("it is no component".to_owned());
                }
                depth += 1;
                if depth > NESTING_MAX {
                    return Err(format!(
                        "components are nested more than {NESTING_MAX} deep"
                    ));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    surface.imports.push(
                        import
                            .map_err(|error| error.to_string())?
                            .name
                            .name
                            .to_owned(),
                    );
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    surface.exports.push(
                        export
                            .map_err(|error| error.to_string())?
                            .name
                            .name
                            .to_owned(),
                    );
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

/// The name and the version of one of our interfaces among what is exported.
fn exported<'a>(exports: &'a [String], wanted: &str) -> Option<(&'a str, &'a str)> {
    exports
        .iter()
        .find_map(|name| ours(name).filter(|(interface, _)| *interface == wanted))
}

/// "log" and "1.0.0" of "fillsync:plugin/log@1.0.0".
fn ours(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

fn check_imports(imports: &[String]) -> Result<(), Rejection> {
    for import in imports {
        match ours(import) {
            Some((interface, version))
                if IMPORTS.contains(&interface) && Version::of(interface, version).is_some() => {}
            Some((interface, version)) if IMPORTS.contains(&interface) => {
                return Err(wrong_version(Stage::Imports, interface, version));
            }
            // What a toolchain imports by itself is answered without authority.
            _ if wasi::answered(import).is_some() => {}
            _ => {
                let cause = format!("it wants {}, which plugins are not given", one_line(import));
                let rejection = Rejection::new(Stage::Imports, cause);
                return Err(if import.starts_with("wasi:") {
                    rejection.hint(OTHER_WASI)
                } else {
                    rejection.hint(ONLY_OURS)
                });
            }
        }
    }
    Ok(())
}

const OTHER_WASI: &str = "WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets) is answered \
     without authority, and nothing else of WASI; build it for WASI 0.2, or without WASI: Rust with \
     --target wasm32-unknown-unknown, Python with componentize-py --stub-wasi, JavaScript with \
     disableFeatures [stdio, random, clocks, http, fetch-event]";
const ONLY_OURS: &str =
    "a plugin may import fillsync:plugin/log, and WASI 0.2 where its toolchain does";

fn wrong_version(stage: Stage, interface: &str, version: &str) -> Rejection {
    let version = one_line(version);
    let cause = format!(
        "it is made for {PACKAGE}{interface}@{version}; this host speaks version {SPOKEN} of the contract"
    );
    Rejection::new(stage, cause).hint("build it against wit/v1 of this fillsync")
}

fn check_world(exports: &[String]) -> Result<(PluginKind, Version), Rejection> {
    let find = |wanted: &str| exported(exports, wanted);
    let (kind, version) = match (find("strategy"), find("formatter")) {
        (Some(_), Some(_)) => {
            let cause = "it answers both questions, strategy and formatter";
            return Err(Rejection::new(Stage::World, cause).hint("make two components of it"));
        }
        (Some((_, version)), None) => (PluginKind::Strategy, version),
        (None, Some((_, version))) => (PluginKind::Formatter, version),
        (None, None) => {
            let shown: Vec<String> = exports.iter().take(5).map(|name| one_line(name)).collect();
            let cause = if shown.is_empty() {
                "it exports nothing".to_owned()
            } else {
                format!(
                    "it exports {}, and neither {PACKAGE}strategy nor {PACKAGE}formatter",
                    shown.join(", ")
                )
            };
            let hint = "target the world strategy-plugin or formatter-plugin of wit/v1";
            return Err(Rejection::new(Stage::World, cause).hint(hint));
        }
    };
    let spoken = Version::of(kind.as_str(), version)
        .ok_or_else(|| wrong_version(Stage::World, kind.as_str(), version))?;
    for needed in ["description", "settings"] {
        if find(needed).is_none() {
            let cause = format!("it does not export {PACKAGE}{needed}");
            return Err(Rejection::new(Stage::World, cause)
                .hint("target the world strategy-plugin or formatter-plugin of wit/v1"));
        }
    }
    Ok((kind, spoken))
}

/// Runs a parser on hostile bytes; a panic in it becomes an error.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // What the closure touches is dropped with it, so nothing half-changed can be seen afterwards.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|cause| one_line(&cause)),
        Err(_) => Err("it stops the reader".to_owned()),
    }
}
