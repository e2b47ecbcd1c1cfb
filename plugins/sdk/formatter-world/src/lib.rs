//! The bindings of the world `formatter-plugin`, as wit-bindgen makes them from `wit/v1`.
//!
//! A package of its own because the two worlds share interfaces, and the macros that wit-bindgen
//! exports would meet in one crate root. Plugins use the crate `fillsync-plugin` instead.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../../wit/v1",
    world: "formatter-plugin",
    pub_export_macro: true,
    export_macro_name: "export_formatter_world",
    default_bindings_module: "fillsync_formatter_world",
    additional_derives: [PartialEq],
    with: {
        "fillsync:plugin/log@1.0.0": fillsync_strategy_world::fillsync::plugin::log,
        "fillsync:plugin/types@1.0.0": fillsync_strategy_world::fillsync::plugin::types,
    },
});
