//! The receivers beyond webhook and Telegram: one of each kind, with the configuration of a channel to it.
//!
//! Their secrets are in files outside the rig's own folder, which tests may search. Deliberately absent:
//! anything of how a channel is sent to.

use super::{Rig, eventually};
use fillsync_fake::{
    DiscordOptions, FakeDiscord, FakeNtfy, FakeSlack, FakeSmtp, NtfyLogin, NtfyOptions,
    SMTP_CA_PEM, SlackOptions, SmtpOptions, SmtpTls,
};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

pub const DISCORD_TOKEN: &str = "canary-discord-token-6c02";
pub const SLACK_KEY: &str = "canary-slack-hook-key-e1b7";
pub const SLACK_TOKEN: &str = "xoxb-canary-slack-token-3d0b";
pub const NTFY_TOKEN: &str = "tk_canary_ntfy_token_5a1c";
pub const NTFY_TOPIC: &str = "canary-ntfy-topic-0b9d";
pub const MAIL_PASSWORD: &str = "canary-mail-password-88f4";

/// One receiver of each kind.
pub struct Messengers {
    pub discord: FakeDiscord,
    /// For a bot.
    pub slack: FakeSlack,
    /// For an incoming webhook.
    pub slack_hook: FakeSlack,
    pub ntfy: FakeNtfy,
    pub mail: FakeSmtp,
    secrets: TempDir,
}

impl Messengers {
    pub fn start(rig: &Rig) -> Self {
        rig.runtime.block_on(async {
            let slack = || FakeSlack::start(SlackOptions::new(SLACK_KEY, SLACK_TOKEN));
            let mut ntfy = NtfyOptions::new(NTFY_TOPIC);
            ntfy.login = NtfyLogin::Header(format!("Bearer {NTFY_TOKEN}"));
            let mail = SmtpOptions {
                tls: SmtpTls::StartTls,
                login: Some(("desk".to_owned(), MAIL_PASSWORD.to_owned())),
            };
            Self {
                discord: FakeDiscord::start(DiscordOptions::new(DISCORD_TOKEN))
                    .await
                    .unwrap(),
                slack: slack().await.unwrap(),
                slack_hook: slack().await.unwrap(),
                ntfy: FakeNtfy::start(ntfy).await.unwrap(),
                mail: FakeSmtp::start(mail).await.unwrap(),
                secrets: tempfile::tempdir().unwrap(),
            }
        })
    }

    /// A file that holds a secret, and that only its owner can read.
    fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Adds a channel to each, with these wishes.
    pub fn configure(&self, rig: &Rig, wishes: &str) {
        let source = |name: &str, content: &str| {
            format!("{{ file = \"{}\" }}", self.secret(name, content).display())
        };
        let channels = [
            format!(
                "name = \"discord\"\nkind = \"discord\"\nurl = {}",
                source("discord", &self.discord.webhook_url())
            ),
            format!(
                "name = \"slack-bot\"\nkind = \"slack\"\ntoken = {}\nchannel = \"C0123456789\"\nbase_url = \"{}\"",
                source("slack", SLACK_TOKEN),
                self.slack.api_url()
            ),
            format!(
                "name = \"slack-hook\"\nkind = \"slack\"\nurl = {}",
                source("slack-hook", &self.slack_hook.webhook_url())
            ),
            format!(
                "name = \"ntfy\"\nkind = \"ntfy\"\ntopic = \"{NTFY_TOPIC}\"\nbase_url = \"{}\"\ntoken = {}",
                self.ntfy.base_url(),
                source("ntfy", NTFY_TOKEN)
            ),
            format!(
                "name = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = \"{}\"\n\
                 user = \"desk\"\npassword = {}\nfrom = \"fillsync@example.com\"\nto = [\"desk@example.com\"]",
                self.mail.port(),
                self.secret("ca.pem", SMTP_CA_PEM).display(),
                source("mail", MAIL_PASSWORD)
            ),
        ];
        for channel in channels {
            rig.append(&format!("[[channel]]\n{channel}\n{wishes}\n\n"));
        }
    }

    /// What a reader of each sees, in the order of arrival.
    pub fn texts(&self) -> Vec<(&'static str, Vec<String>)> {
        ["discord", "slack-bot", "slack-hook", "ntfy", "mail"]
            .map(|name| (name, self.texts_of(name)))
            .to_vec()
    }

    /// What a reader of one sees.
    pub fn texts_of(&self, name: &str) -> Vec<String> {
        match name {
            "discord" => self
                .discord
                .received()
                .into_iter()
                .map(|one| one.text)
                .collect(),
            "slack-bot" => self
                .slack
                .received()
                .into_iter()
                .map(|one| one.text)
                .collect(),
            "slack-hook" => self
                .slack_hook
                .received()
                .into_iter()
                .map(|one| one.text)
                .collect(),
            "ntfy" => {
                let received = self.ntfy.received().into_iter();
                received
                    .map(|one| format!("{}\n{}", one.title, one.message))
                    .collect()
            }
            "mail" => self
                .mail
                .received()
                .iter()
                .map(|letter| letter.text())
                .collect(),
            other => panic!("there is no receiver {other}"),
        }
    }

    /// Waits until each has at least so many messages.
    pub fn wait_for_all(&self, count: usize) -> Vec<(&'static str, Vec<String>)> {
        eventually(&format!("{count} messages everywhere"), || {
            let texts = self.texts();
            if texts.iter().all(|(_, texts)| texts.len() >= count) {
                Ok(texts)
            } else {
                Err(format!("{texts:#?}"))
            }
        })
    }
}
