//! WASI without authority: what a component is answered that its toolchain makes it import WASI.
//!
//! componentize-py, componentize-js and Rust for wasm32-wasip2 import clocks, files and sockets whether
//! a plugin uses them or not. Here each such import is linked to an answer of this module and to
//! nothing else: no arguments, no environment, standard input at its end, output that becomes log
//! lines, a clock that starts at one constant moment and moves only when it is read or waited for,
//! randomness from one constant seed, no folder, no network. So the same question still has the same
//! answer, byte for byte (law 4). Deliberately absent: any call to the system this daemon runs on.

mod answers;
mod refusal;
mod state;

pub(crate) use state::{Inert, Output};

use crate::store::Call;
use answers::Handle;
use std::borrow::Cow;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};
use wasmtime::{Engine, format_err};

/// The version of WASI that is answered: 0.2 with any patch.
const VERSION: &str = "0.2";
/// Its packages.
const PACKAGES: [&str; 7] = [
    "cli",
    "clocks",
    "filesystem",
    "http",
    "io",
    "random",
    "sockets",
];

/// "clocks/wall-clock" of "wasi:clocks/wall-clock@0.2.6"; none where it is not answered here.
pub(crate) fn answered(import: &str) -> Option<&str> {
    let (path, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let (package, _) = path.split_once('/')?;
    let patch = version.strip_prefix(VERSION)?.strip_prefix('.')?;
    let is_patch = !patch.is_empty() && patch.chars().all(|c| c.is_ascii_digit());
    (is_patch && PACKAGES.contains(&package)).then_some(path)
}

/// The linker for a component: the one given, or one that answers its WASI imports as well.
///
/// The answers are made for what the component says it imports, so any patch of WASI 0.2 is served;
/// the engine then checks each answer's type against it.
pub(crate) fn linker_for<'a>(
    engine: &Engine,
    component: &Component,
    ours: &'a Linker<Call>,
) -> wasmtime::Result<Cow<'a, Linker<Call>>> {
    let mut linker = Cow::Borrowed(ours);
    let mut handles = Handles::default();
    let component = component.component_type();
    for (import, item) in component.imports(engine) {
        let Some(path) = answered(import) else {
            continue;
        };
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            return Err(format_err!(
                "it imports {import} as something else than an interface"
            ));
        };
        let target = linker.to_mut().instance(import)?;
        link(engine, target, path, &interface, &mut handles)
            .map_err(|error| error.context(format!("it imports {import}")))?;
    }
    Ok(linker)
}

fn link(
    engine: &Engine,
    mut target: LinkerInstance<'_, Call>,
    path: &str,
    interface: &ComponentInstance,
    handles: &mut Handles,
) -> wasmtime::Result<()> {
    for (name, item) in interface.exports(engine) {
        // A resource that another interface lends to this one is there already.
        if let ComponentItem::Resource(resource) = item.ty
            && handles.find(resource).is_none()
        {
            let handle = handles.add(path, name, resource);
            target.resource(name, handle.resource_type(), |mut store, _| {
                store.data_mut().inert.gave_back();
                Ok(())
            })?;
        }
    }
    for (name, item) in interface.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(function) => {
                if !answers::define(&mut target, path, name)? {
                    refusal::define(&mut target, path, name, &function, handles)?;
                }
            }
            ComponentItem::Resource(_) | ComponentItem::Type(_) => {}
            _ => return Err(format_err!("{name} is neither a function nor a type")),
        }
    }
    Ok(())
}

/// The resources of one component's WASI imports, each with what stands for it here.
#[derive(Default)]
struct Handles {
    known: Vec<(ResourceType, Handle)>,
}

impl Handles {
    fn find(&self, resource: ResourceType) -> Option<Handle> {
        self.known
            .iter()
            .find_map(|(known, handle)| (*known == resource).then_some(*handle))
    }

    fn add(&mut self, path: &str, name: &str, resource: ResourceType) -> Handle {
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let handle = Handle::of(path, name, number);
        self.known.push((resource, handle));
        handle
    }
}

#[cfg(test)]
mod tests {
    use super::answered;

    #[test]
    fn every_patch_of_one_version_is_answered_and_nothing_else() {
        for (import, path) in [
            ("wasi:cli/environment@0.2.0", Some("cli/environment")),
            ("wasi:sockets/tcp@0.2.17", Some("sockets/tcp")),
            ("wasi:cli/environment@0.3.0", None),
            ("wasi:cli/environment@0.2.0-rc-2023", None),
            ("wasi:cli/environment@0.2", None),
            ("wasi:cli/environment@0.2.", None),
            ("wasi:cli/environment@0.20.1", None),
            ("wasi:cli/environment", None),
            ("wasi:cli@0.2.0", None),
            ("wasi:keyvalue/store@0.2.0", None),
            ("other:cli/environment@0.2.0", None),
        ] {
            assert_eq!(answered(import), path, "{import}");
        }
    }
}
