//! Writes a plugin's pin into the text of a configuration, and leaves every other character as it is.

use crate::value::Sha256Pin;
use fillsync_core::id::PluginName;
use toml_edit::{DocumentMut, Item, Table, value};

/// A text into which nothing can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// It is no TOML.
    #[error("the configuration cannot be read: {0}")]
    Toml(String),
    /// `plugin`, or the plugin's entry, is something else than a table.
    #[error("`{0}` is no table; write [plugin.NAME] with one bracket on each side")]
    NoTable(String),
}

/// The same configuration with `sha256` of one plugin set; comments and order stay.
///
/// # Errors
/// When the text is no TOML or has no place for it.
pub fn with_pin(text: &str, name: &PluginName, pin: &Sha256Pin) -> Result<String, PinError> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| PinError::Toml(error.to_string()))?;
    let plugins = document.entry("plugin").or_insert_with(|| {
        let mut plugins = Table::new();
        // Only [plugin.NAME] is written, not an empty [plugin].
        plugins.set_implicit(true);
        Item::Table(plugins)
    });
    let plugins = plugins
        .as_table_like_mut()
        .ok_or_else(|| PinError::NoTable("plugin".to_owned()))?;
    let plugin = plugins
        .entry(name.as_str())
        .or_insert_with(|| Item::Table(Table::new()));
    let plugin = plugin
        .as_table_like_mut()
        .ok_or_else(|| PinError::NoTable(format!("plugin.{name}")))?;
    match plugin.get_mut("sha256").and_then(Item::as_value_mut) {
        // What stands around the value, as a comment behind it, stays.
        Some(old) => {
            let decor = old.decor().clone();
            *old = pin.as_str().into();
            *old.decor_mut() = decor;
        }
        None => {
            plugin.insert("sha256", value(pin.as_str()));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pinned(text: &str) -> Result<String, PinError> {
        let pin = Sha256Pin::parse(&"ab".repeat(32)).unwrap();
        with_pin(text, &PluginName::new("house").unwrap(), &pin)
    }

    #[test]
    fn only_the_pin_changes() {
        let line = format!("sha256 = \"{}\"", "ab".repeat(32));
        let text = "# mine\n[daemon]   # odd  spaces\nlisten='127.0.0.1:1'\n";
        let written = pinned(text).unwrap();
        assert_eq!(written, format!("{text}\n[plugin.house]\n{line}\n"));
        assert_eq!(pinned(&written).unwrap(), written);
        let other = written
            .replace("abab", "cdcd")
            .replace("cd\"\n", "cd\" # why\n");
        assert!(pinned(&other).unwrap().starts_with(text));
        let commented = "[plugin.house]\nsha256 = \"old\"  # why\nswap = \"manual\"\n".to_owned();
        assert_eq!(
            pinned(&commented).unwrap(),
            commented.replace("sha256 = \"old\"", &line)
        );
        let inline = "plugin = { house = { swap = \"auto\" } }\n";
        assert!(pinned(inline).unwrap().contains(&line));
        assert_eq!(
            pinned("plugin = 3\n"),
            Err(PinError::NoTable("plugin".to_owned()))
        );
        assert!(matches!(pinned("[daemon\n"), Err(PinError::Toml(_))));
    }

    #[test]
    fn the_example_is_read_with_its_pin() {
        let text = pinned(crate::EXAMPLE).unwrap();
        let line = format!("sha256 = \"{}\"", "ab".repeat(32));
        assert_eq!(
            text.replace(&format!("\n[plugin.house]\n{line}\n"), ""),
            crate::EXAMPLE
        );
    }
}
