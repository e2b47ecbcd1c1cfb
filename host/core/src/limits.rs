//! What the receivers of each kind of channel take: one table for the whole house.
//!
//! Channels cut to it, formatters are told it in their target, and raw payloads are held against it
//! before they are sent ([`crate::raw`]). Where a receiver's own words leave open how it counts, the
//! stricter way is written here. Deliberately absent: pace and retries, which belong to the channels.

/// What one kind of channel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// The kind, as `kind = "…"` of the configuration names it.
    pub kind: &'static str,
    /// The longest message: UTF-16 units of what is read, line feeds included.
    pub units_max: u32,
    /// The longest message: bytes of what is sent, markup included.
    pub bytes_max: u32,
    /// Bounds on parts of a raw payload, by name; empty where the receiver has none.
    pub raw: &'static [(&'static str, u32)],
}

/// The largest raw payload of any kind, in bytes.
pub const RAW_BYTES_MAX: usize = 256 * 1024;

/// The terminal, a file or a pipe.
pub const STDOUT: MessageLimits = MessageLimits {
    kind: "stdout",
    units_max: 65_536,
    bytes_max: 256 * 1024,
    raw: &[],
};

/// `sendMessage` of the Bot API: 4,096 after the entities were read, counted as its tools count, and
/// 32,768 bytes of raw text.
pub const TELEGRAM: MessageLimits = MessageLimits {
    kind: "telegram",
    units_max: 4_096,
    bytes_max: 32_768,
    raw: &[("text", 4_096)],
};

/// A webhook message of Discord; the parts are those of its embeds.
pub const DISCORD: MessageLimits = MessageLimits {
    kind: "discord",
    units_max: 2_000,
    bytes_max: 8_000,
    raw: &[
        ("content", 2_000),
        ("embeds", 10),
        ("embed-title", 256),
        ("embed-description", 4_096),
        ("embed-fields", 25),
        ("embed-field-name", 256),
        ("embed-field-value", 1_024),
        ("embed-footer", 2_048),
        ("embed-author", 256),
        ("embeds-total", 6_000),
    ],
};

/// An incoming webhook of Slack; the parts are those of its blocks.
pub const SLACK: MessageLimits = MessageLimits {
    kind: "slack",
    units_max: 40_000,
    bytes_max: 160_000,
    raw: &[
        ("text", 40_000),
        ("blocks", 50),
        ("block-text", 3_000),
        ("header-text", 150),
        ("section-fields", 10),
        ("section-field", 2_000),
        ("context-elements", 10),
    ],
};

/// A message of ntfy; what is longer would become an attachment.
pub const NTFY: MessageLimits = MessageLimits {
    kind: "ntfy",
    units_max: 4_096,
    bytes_max: 4_096,
    raw: &[("message-bytes", 4_096), ("title", 250), ("tags", 5)],
};

/// A receiver of the operator's own.
pub const WEBHOOK: MessageLimits = MessageLimits {
    kind: "webhook",
    units_max: 65_536,
    bytes_max: 256 * 1024,
    raw: &[],
};

/// A letter.
pub const EMAIL: MessageLimits = MessageLimits {
    kind: "email",
    units_max: 65_536,
    bytes_max: 256 * 1024,
    raw: &[],
};

/// Every kind.
pub const ALL: [&MessageLimits; 7] = [
    &STDOUT, &TELEGRAM, &DISCORD, &SLACK, &NTFY, &WEBHOOK, &EMAIL,
];

impl MessageLimits {
    /// The limits of the kind of this name.
    #[must_use]
    pub fn of(kind: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|limits| limits.kind == kind)
    }

    /// The bound on a part of a raw payload; a part without a bound may be of any length.
    #[must_use]
    pub fn raw_max(&self, part: &str) -> usize {
        self.raw
            .iter()
            .find(|(name, _)| *name == part)
            .and_then(|(_, max)| usize::try_from(*max).ok())
            .unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_takes_something() {
        for limits in ALL {
            assert_eq!(MessageLimits::of(limits.kind), Some(limits));
            assert!(limits.units_max > 0 && limits.bytes_max >= limits.units_max);
            assert!(limits.raw.iter().all(|(_, max)| *max > 0));
        }
        assert_eq!(MessageLimits::of("pigeon"), None);
    }
}
