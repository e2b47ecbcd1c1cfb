//! The bindings of the world `strategy-plugin`, as wit-bindgen makes them from `wit/v1`.
//!
//! A package of its own because the two worlds share interfaces, and the macros that wit-bindgen
//! exports would meet in one crate root. Plugins use the crate `fillsync-plugin` instead.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../../wit/v1",
    world: "strategy-plugin",
    pub_export_macro: true,
    export_macro_name: "export_strategy_world",
    default_bindings_module: "fillsync_strategy_world",
    additional_derives: [PartialEq],
});
