//! The manual of the configuration, made of the schema: every section, every key, what it means and its
//! default. It is a chapter of the book, and a test keeps the two the same.

use crate::read::Key;
use crate::schema::{
    Account, Channel, Daemon, Discord, Email, Group, Member, Ntfy, Plugin, PluginLimits, Quiet,
    Slack, Telegram, Webhook,
};

/// One section of the manual.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceSection {
    /// As it is written in the file.
    pub title: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its keys, in the order of the manual.
    pub keys: &'static [Key],
}

/// Every section that there is. A kind of channel that is not here is in no manual.
pub const SECTIONS: &[ReferenceSection] = &[
    ReferenceSection {
        title: "[daemon]",
        about: "What concerns the process. Relative paths are taken from the folder of the configuration file.",
        keys: Daemon::KEYS,
    },
    ReferenceSection {
        title: "[[account]]",
        about: "One set of credentials at one venue. Keys that may only read are enough.",
        keys: Account::KEYS,
    },
    ReferenceSection {
        title: "[[group]]",
        about: "Accounts that follow one plan: the unit of synchronisation.",
        keys: Group::KEYS,
    },
    ReferenceSection {
        title: "[[group.members]]",
        about: "One account's part in a group.",
        keys: Member::KEYS,
    },
    ReferenceSection {
        title: "[[channel]]",
        about: "Where alerts go. The kind decides which further keys there are.",
        keys: Channel::KEYS,
    },
    ReferenceSection {
        title: "[channel.quiet]",
        about: "Hours in which a channel is left in peace. What happened meanwhile is told after them, as one digest.",
        keys: Quiet::KEYS,
    },
    ReferenceSection {
        title: "[[channel]], kind = \"telegram\"",
        about: "A Telegram chat.",
        keys: Telegram::KEYS,
    },
    ReferenceSection {
        title: "[[channel]], kind = \"discord\"",
        about: "A Discord webhook.",
        keys: Discord::KEYS,
    },
    ReferenceSection {
        title: "[[channel]], kind = \"slack\"",
        about: "A Slack channel: by an incoming webhook (`url`), or by a bot (`token` and `channel`), which alone can edit.",
        keys: Slack::KEYS,
    },
    ReferenceSection {
        title: "[[channel]], kind = \"webhook\"",
        about: "A web address that takes JSON.",
        keys: Webhook::KEYS,
    },
    ReferenceSection {
        title: "[[channel]], kind = \"ntfy\"",
        about: "A topic of an ntfy server.",
        keys: Ntfy::KEYS,
    },
    ReferenceSection {
        title: "[[channel]], kind = \"email\"",
        about: "Letters over SMTP.",
        keys: Email::KEYS,
    },
    ReferenceSection {
        title: "[plugin.NAME]",
        about: "What is set for one plugin. A first-party plugin needs a section only to change something about it.",
        keys: Plugin::KEYS,
    },
    ReferenceSection {
        title: "limits of [plugin.NAME]",
        about: "What one call of a plugin may use.",
        keys: PluginLimits::KEYS,
    },
];

/// The manual as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        text.push_str(&format!("## `{}`\n\n{}\n\n", section.title, section.about));
        for key in section.keys {
            text.push_str(&entry(key));
        }
        text.push('\n');
    }
    text
}

/// One key: its name, its default, and what it means, in one item of a list.
fn entry(key: &Key) -> String {
    let default = key.default.map_or_else(String::new, |default| {
        let one_line: Vec<&str> = default.split_whitespace().collect();
        format!(" = `{}`", one_line.join(" "))
    });
    let about: Vec<&str> = key.about.split_whitespace().collect();
    format!("- **`{}`**{default}: {}\n", key.name, about.join(" "))
}
