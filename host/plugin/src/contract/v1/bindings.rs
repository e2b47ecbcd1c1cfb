//! The contract `wit/v1`, as Rust types on the host's side.
//!
//! Two worlds, one set of shared interfaces. Only this version's module sees these types.
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
            "fillsync:plugin/log": crate::contract::v1::bindings::strategy::fillsync::plugin::log,
            "fillsync:plugin/types": crate::contract::v1::bindings::strategy::fillsync::plugin::types,
        },
    });
}

pub(crate) use formatter::FormatterPluginPre;
pub(crate) use strategy::StrategyPluginPre;
