//! The components that ship inside the binary, built from `plugins/` by the build script.
//!
//! They come through the same `load` as any file and have no privilege. A file of the same name in
//! the plugin folder takes the place of one.

use crate::error::PluginKind;

/// A component that ships.
#[derive(Debug, Clone, Copy)]
pub struct FirstParty {
    /// Its name.
    pub name: &'static str,
    /// The question it answers.
    pub kind: PluginKind,
    /// The component.
    pub bytes: &'static [u8],
}

static FIRST_PARTY: &[FirstParty] = &include!(concat!(env!("OUT_DIR"), "/first_party.rs"));

/// All components that ship, strategies first.
#[must_use]
pub fn first_party() -> &'static [FirstParty] {
    FIRST_PARTY
}
