//! The contract `wit/v1`, as Rust types on the host's side.
//!
//! Two worlds, one set of shared interfaces. Only this crate sees these types: the core has its own,
//! and `convert` stands between. A later version of the contract gets a module of its own beside this
//! one, converting into the same core types, so that old plugins keep working.
#![allow(missing_docs, unreachable_pub, clippy::all)]

pub(crate) mod strategy {
    wasmtime::component::bindgen!({
        path: "../../wit/v1",
        world: "strategy-plugin",
    });
}

pub(crate) mod formatter {
    wasmtime::component::bindgen!({
        path: "../../wit/v1",
        world: "formatter-plugin",
        with: {
            "fillsync:plugin/log": crate::bindings::strategy::fillsync::plugin::log,
            "fillsync:plugin/types": crate::bindings::strategy::fillsync::plugin::types,
        },
    });
}

pub(crate) use formatter::FormatterPluginPre;
pub(crate) use strategy::StrategyPluginPre;
