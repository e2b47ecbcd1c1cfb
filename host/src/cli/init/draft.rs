//! What the answers come to: the configuration's text, and where its secrets are kept.
//!
//! The text is what a person would write, with a word about each part, and only what differs from a
//! default. Deliberately absent: asking, and asking the venues.

use crate::cli::CalledWrongly;
use anyhow::Context as _;
use clap::ValueEnum;
use secrecy::{ExposeSecret as _, SecretString};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The folder of the secrets' files, beside the configuration.
const FOLDER: &str = "secrets";
/// The longest name of an account: it becomes part of a file's name and of a variable's.
const NAME_BYTES_MAX: usize = 40;

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Keep {
    /// In files beside the configuration that only their owner can read: it works at once, also as a
    /// service.
    File,
    /// In the environment: nothing is stored, and whoever starts fillsync sets the variables.
    Env,
}

/// Knows what secrets are called.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    keep: Keep,
    folder: PathBuf,
}

impl Keeper {
    pub(super) fn new(keep: Keep, config: &Path) -> Self {
        let beside = config.parent().unwrap_or(Path::new(""));
        Self {
            keep,
            folder: beside.join(FOLDER),
        }
    }

    /// The variable of a secret, which is looked at before anybody is asked.
    pub(super) fn name(&self, whose: &str, which: &str) -> String {
        format!("FILLSYNC_{whose}_{which}")
            .to_ascii_uppercase()
            .replace('-', "_")
    }

    /// The variables of an account's key and secret.
    pub(super) fn names_of_account(&self, account: &str) -> [String; 2] {
        [self.name(account, "key"), self.name(account, "secret")]
    }

    /// The source as it stands in the configuration.
    fn source(&self, whose: &str, which: &str) -> String {
        match self.keep {
            Keep::Env => format!("{{ env = \"{}\" }}", self.name(whose, which)),
            Keep::File => format!("{{ file = \"{FOLDER}/{whose}_{which}\" }}"),
        }
    }

    /// Writes each secret into a file of its own; those that were written are added to `written`.
    pub(super) fn write(
        &self,
        secrets: &[(String, SecretString)],
        written: &mut Vec<PathBuf>,
    ) -> anyhow::Result<()> {
        if self.keep == Keep::Env || secrets.is_empty() {
            return Ok(());
        }
        if !self.folder.is_dir() {
            std::fs::DirBuilder::new()
                .mode(0o700)
                .create(&self.folder)
                .with_context(|| format!("the folder {} cannot be made", self.folder.display()))?;
        }
        for (name, secret) in secrets {
            let path = self.folder.join(name);
            create(&path, secret.expose_secret().as_bytes(), 0o600)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            written.push(path);
        }
        Ok(())
    }
}

/// Writes a file that does not exist yet, down to the disk.
pub(super) fn create(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// A name becomes a file's, a variable's and a key's name.
pub(super) fn check_name(name: &str) -> Result<(), CalledWrongly> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        return Err(CalledWrongly(format!(
            "{name:?} cannot be an account's name here; use up to {NAME_BYTES_MAX} letters, digits, - and _"
        )));
    }
    Ok(())
}

/// One account.
#[derive(Debug, Clone)]
pub(super) struct DraftAccount {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) venue: String,
    /// Empty for the venue's own.
    pub(super) base_url: String,
    pub(super) key: SecretString,
    pub(super) secret: SecretString,
}

/// Where alerts go.
#[derive(Debug, Clone)]
pub(super) enum DraftChannel {
    Stdout,
    Telegram {
        token: SecretString,
        chat_id: String,
        base_url: Option<String>,
    },
    Webhook {
        url: String,
    },
}

/// Everything that was answered so far.
pub(super) struct Draft {
    pub(super) keeper: Keeper,
    pub(super) accounts: Vec<DraftAccount>,
    pub(super) strategy: String,
    pub(super) channel: DraftChannel,
}

impl Draft {
    pub(super) fn new(keeper: Keeper) -> Self {
        Self {
            keeper,
            accounts: Vec::new(),
            strategy: "max-count".to_owned(),
            channel: DraftChannel::Stdout,
        }
    }

    /// A configuration with one account only, to ask its venue.
    pub(super) fn with_only(&self, account: &DraftAccount) -> String {
        self.account(account)
    }

    /// The configuration.
    pub(super) fn toml(&self) -> String {
        let mut text = String::from(
            "# Written by `fillsync init`. Every key that is not here has a default: config/fillsync.toml shows\n\
             # them all. Save a change and it is in force; `fillsync check` says before whether it is good.\n\n",
        );
        for account in &self.accounts {
            text.push_str(&self.account(account));
            text.push('\n');
        }
        let members: Vec<String> = self
            .accounts
            .iter()
            .map(|account| {
                format!(
                    "    {{ account = {}, role = {} }},\n",
                    quoted(&account.name),
                    quoted(&account.role)
                )
            })
            .collect();
        text.push_str(&format!(
            "# Accounts that follow one plan.\n[[group]]\nname = \"desk\"\nstrategy = {}\nmembers = [\n{}]\n\n",
            quoted(&self.strategy),
            members.concat()
        ));
        text.push_str(&self.channel_text());
        text
    }

    fn account(&self, account: &DraftAccount) -> String {
        let mut text = format!(
            "[[account]]\nname = {}\nvenue = {}\n",
            quoted(&account.name),
            quoted(&account.venue)
        );
        if !account.base_url.is_empty() {
            text.push_str(&format!("base_url = {}\n", quoted(&account.base_url)));
        }
        text.push_str(&format!(
            "api_key = {}\napi_secret = {}\n",
            self.keeper.source(&account.name, "key"),
            self.keeper.source(&account.name, "secret")
        ));
        text
    }

    fn channel_text(&self) -> String {
        let head = "# Where alerts go.\n[[channel]]\n";
        match &self.channel {
            DraftChannel::Stdout => format!("{head}name = \"terminal\"\nkind = \"stdout\"\n"),
            DraftChannel::Telegram {
                chat_id, base_url, ..
            } => {
                let base_url = base_url
                    .as_deref()
                    .map_or_else(String::new, |url| format!("base_url = {}\n", quoted(url)));
                format!(
                    "{head}name = \"telegram\"\nkind = \"telegram\"\n{base_url}token = {}\nchat_id = {}\n",
                    self.keeper.source("telegram", "token"),
                    quoted(chat_id)
                )
            }
            DraftChannel::Webhook { url } => format!(
                "{head}name = \"webhook\"\nkind = \"webhook\"\nurl = {}\n",
                quoted(url)
            ),
        }
    }

    /// The secrets with the names of their files.
    pub(super) fn secrets(&self) -> Vec<(String, SecretString)> {
        let mut secrets = Vec::new();
        for account in &self.accounts {
            let name = &account.name;
            secrets.push((format!("{name}_key"), account.key.clone()));
            secrets.push((format!("{name}_secret"), account.secret.clone()));
        }
        if let DraftChannel::Telegram { token, .. } = &self.channel {
            secrets.push(("telegram_token".to_owned(), token.clone()));
        }
        secrets
    }

    /// The variables that must be set where the daemon is started.
    pub(super) fn variables(&self) -> Vec<String> {
        if self.keeper.keep == Keep::File {
            return Vec::new();
        }
        let secrets = self.secrets();
        let names = secrets.iter().filter_map(|(name, _)| name.rsplit_once('_'));
        names
            .map(|(whose, which)| self.keeper.name(whose, which))
            .collect()
    }
}

/// A text as TOML: JSON's escapes are TOML's as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
