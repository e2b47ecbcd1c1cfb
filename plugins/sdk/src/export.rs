//! What the export macros expand to: the three exports of a world, written once.
//!
//! An instance lives for one question, so its state is one cell that `configure` fills. A question
//! that comes without `configure` is answered with the default settings. Nothing here catches a
//! panic: the hook logs its text, then the instance traps and the host throws it away.

/// For the macros only: no promise is made about what is in here.
pub mod machinery {
    use crate::setting::Remarks;
    use crate::{Card, NO_SETTINGS_SCHEMA};

    pub use std::cell::OnceCell;

    /// Sends a panic's text to the host's log, once per instance.
    pub fn log_panics() {
        #[cfg(target_arch = "wasm32")]
        std::panic::set_hook(Box::new(|panic| {
            crate::log(crate::Level::Error, &panic.to_string());
        }));
    }

    /// The schema that a card stands for.
    #[must_use]
    pub fn schema(card: &Card) -> String {
        if card.settings_schema.is_empty() {
            NO_SETTINGS_SCHEMA.to_owned()
        } else {
            card.settings_schema.to_owned()
        }
    }

    /// A card's attributes, as the contract carries them.
    #[must_use]
    pub fn attributes(card: &Card) -> Vec<(String, String)> {
        card.attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// Remarks as (path, is error, message).
    #[must_use]
    pub fn remarks(remarks: Remarks) -> Vec<(String, bool, String)> {
        remarks
            .all()
            .iter()
            .map(|remark| (remark.path.clone(), remark.is_error, remark.message.clone()))
            .collect()
    }
}

/// The exports that both worlds share.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_common {
    ($plugin:ty, $trait:ident, $world:ident, $kind:ident) => {
        use $crate::machinery;
        use $crate::$world::exports::fillsync::plugin::{description, settings};

        thread_local! {
            static PLUGIN: machinery::OnceCell<$plugin> = const { machinery::OnceCell::new() };
        }

        struct Component;

        fn configured<T>(ask: impl FnOnce(&$plugin) -> T) -> T {
            PLUGIN.with(|cell| {
                ask(cell.get_or_init(|| {
                    <$plugin as $crate::$trait>::configure(
                        ::core::default::Default::default(),
                        &mut ::core::default::Default::default(),
                    )
                }))
            })
        }

        impl description::Guest for Component {
            fn describe() -> description::Info {
                machinery::log_panics();
                let card = <$plugin as $crate::$trait>::card();
                description::Info {
                    name: card.name.to_owned(),
                    version: card.version.to_owned(),
                    kind: description::Kind::$kind,
                    summary: card.summary.to_owned(),
                    settings_schema: machinery::schema(&card),
                    attributes: machinery::attributes(&card),
                }
            }
        }

        impl settings::Guest for Component {
            fn configure(json: ::std::string::String) -> ::std::vec::Vec<settings::Diagnostic> {
                machinery::log_panics();
                let mut remarks = $crate::Remarks::default();
                let read = $crate::parse_settings(&json, &mut remarks);
                let plugin = <$plugin as $crate::$trait>::configure(read, &mut remarks);
                PLUGIN.with(|cell| {
                    let _ = cell.set(plugin);
                });
                machinery::remarks(remarks)
                    .into_iter()
                    .map(|(path, is_error, message)| settings::Diagnostic {
                        path,
                        severity: if is_error {
                            settings::Severity::Error
                        } else {
                            settings::Severity::Warning
                        },
                        message,
                    })
                    .collect()
            }
        }
    };
}

/// Makes the crate a component of the world `strategy-plugin` that answers with this [`crate::Strategy`].
#[macro_export]
macro_rules! export_strategy {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::__export_common!($plugin, Strategy, strategy_world, Strategy);

            impl $crate::strategy_world::exports::fillsync::plugin::strategy::Guest for Component {
                fn decide(
                    view: $crate::strategy::View,
                ) -> ::core::result::Result<$crate::strategy::Decision, $crate::strategy::StrategyError> {
                    configured(|plugin| <$plugin as $crate::Strategy>::decide(plugin, &view))
                }
            }

            $crate::strategy_world::export_strategy_world!(Component with_types_in $crate::strategy_world);
        };

        // Native builds, which tests are, have nothing to export to; the type is checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Card = <$plugin as $crate::Strategy>::card;
    };
}

/// Makes the crate a component of the world `formatter-plugin` that answers with this [`crate::Formatter`].
#[macro_export]
macro_rules! export_formatter {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::__export_common!($plugin, Formatter, formatter_world, Formatter);

            impl $crate::formatter_world::exports::fillsync::plugin::formatter::Guest for Component {
                fn format(
                    event: $crate::alert::Event,
                    target: $crate::formatter::Target,
                ) -> ::core::result::Result<$crate::formatter::Rendered, $crate::formatter::FormatterError> {
                    configured(|plugin| <$plugin as $crate::Formatter>::format(plugin, &event, &target))
                }
            }

            $crate::formatter_world::export_formatter_world!(Component with_types_in $crate::formatter_world);
        };

        // Native builds, which tests are, have nothing to export to; the type is checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Card = <$plugin as $crate::Formatter>::card;
    };
}
