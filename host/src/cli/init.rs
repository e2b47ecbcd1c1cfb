//! `init`: from a few questions to a configuration that works.
//!
//! Each account's venue is asked what its key may do before anything is written, with the very code of
//! `check`; the channel's receiver as well. What is written has been read by the real reader. Secrets
//! are never in the configuration: they go into files that only their owner can read, or stay in the
//! environment. Nothing that exists is written over, and what fails leaves nothing behind.
//! Deliberately absent: every key that has a good default; `config/fillsync.toml` shows them.

mod draft;
mod questions;

use self::draft::{Draft, DraftAccount, DraftChannel, Keep, Keeper};
use self::questions::Questions;
use super::accounts::Venues;
use super::answers::Answers;
use super::check::Findings;
use super::{keys, say};
use crate::app;
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use fillsync_config::Config;
use fillsync_report::Answer as _;
use secrecy::SecretString;
use serde::Serialize;
use std::path::{Path, PathBuf};

const VENUES: [&str; 2] = ["bybit", "alpaca"];
const ROLES: [&str; 3] = ["main", "mirror", "observer"];
const CHANNELS: [&str; 3] = ["stdout", "telegram", "webhook"];
/// The most accounts that are asked for one after the other.
const ACCOUNTS_MAX: usize = 20;

/// What is known before anything is asked.
#[derive(Debug, Args)]
pub(super) struct Wish {
    /// The venue of all accounts: "bybit" or "alpaca".
    #[arg(long)]
    venue: Option<String>,
    /// The address of the venue's API, for all accounts; "" for the venue's own.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// An account and its role, as in main:main or second:mirror. Can be given more than once; then no
    /// other account is asked for.
    #[arg(long = "account", value_name = "NAME:ROLE")]
    accounts: Vec<String>,
    /// Where secrets are kept: in files beside the configuration, or in the environment.
    #[arg(long)]
    secrets: Option<Keep>,
    /// Which count is shown: "max-count", another strategy, or "none".
    #[arg(long)]
    strategy: Option<String>,
    /// Where alerts go: "stdout", "telegram" or "webhook".
    #[arg(long)]
    channel: Option<String>,
    /// The Telegram chat.
    #[arg(long, value_name = "CHAT")]
    chat_id: Option<String>,
    /// The webhook's address, or that of a Bot API server of one's own.
    #[arg(long, value_name = "URL")]
    channel_url: Option<String>,
    /// Ask no venue and no receiver.
    #[arg(long)]
    offline: bool,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    config: String,
    secrets: Vec<String>,
    variables: Vec<String>,
}

/// `fillsync init`.
pub(super) async fn init(answers: &Answers<'_>, wish: Wish) -> anyhow::Result<()> {
    let path = answers.config;
    if path.exists() {
        bail!(
            "{} exists, and init writes over nothing; move it away, or give another path with --config",
            path.display()
        );
    }
    let mut questions = Questions::new();
    questions.tell(&format!(
        "A configuration is written to {}. Enter takes the answer in brackets.\n\
         fillsync reads only: make a key that can read and nothing else.",
        path.display()
    ));
    let keep = match wish.secrets {
        Some(keep) => keep,
        None => questions.choose(
            "Keep secrets in files that only you can read, or in the environment?",
            &[("file", Keep::File), ("env", Keep::Env)],
        )?,
    };
    let mut draft = Draft::new(Keeper::new(keep, path));
    let mut venues = Venues::default();
    let mut findings = Findings::default();
    accounts(
        &mut draft,
        &wish,
        &mut questions,
        &mut venues,
        &mut findings,
    )
    .await?;
    keys::same_account_twice(&findings.accounts(), &mut findings);
    if draft.accounts.len() > 1 {
        draft.strategy = match &wish.strategy {
            Some(strategy) => strategy.clone(),
            None => questions.ask("Which count is shown?", Some("max-count"))?,
        };
    }
    channel(&mut draft, &wish, &mut questions)?;
    let text = draft.toml();
    read(&text, path)?;
    let made = write(&draft, &text, path)?;
    finish(answers, &made, &findings)
}

/// Asks for accounts until there are enough, each with its key checked.
async fn accounts(
    draft: &mut Draft,
    wish: &Wish,
    questions: &mut Questions,
    venues: &mut Venues,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let given: Vec<(String, String)> = wish
        .accounts
        .iter()
        .map(|text| {
            let (name, role) = text.split_once(':').unwrap_or((text, "main"));
            (name.to_owned(), role.to_owned())
        })
        .collect();
    for at in 0..ACCOUNTS_MAX {
        let (name, role) = match given.get(at) {
            Some(given) => given.clone(),
            None if !given.is_empty() => break,
            None => {
                let (name, role) = if at == 0 {
                    ("main", "main")
                } else {
                    ("mirror", "mirror")
                };
                let name = questions.ask("Name of the account?", Some(name))?;
                (name, questions.word("Its role?", &ROLES, role)?)
            }
        };
        draft::check_name(&name)?;
        if !ROLES.contains(&role.as_str()) {
            bail!("{role:?} is no role; the roles are {}", ROLES.join(", "));
        }
        if draft.accounts.iter().any(|account| account.name == name) {
            bail!("there are two accounts named {name}; give each a name of its own");
        }
        let venue = match &wish.venue {
            Some(venue) => venue.clone(),
            None => questions.word("Its venue?", &VENUES, "bybit")?,
        };
        let base_url = match &wish.base_url {
            Some(url) => url.clone(),
            None => questions.ask("Address of its API? (nothing: the venue's own)", Some(""))?,
        };
        let mut account = DraftAccount {
            name,
            role,
            venue,
            base_url,
            key: SecretString::default(),
            secret: SecretString::default(),
        };
        keys_of(
            &mut account,
            draft,
            wish.offline,
            questions,
            venues,
            findings,
        )
        .await?;
        draft.accounts.push(account);
        if given.is_empty() && !questions.confirm("Another account?", false)? {
            break;
        }
    }
    Ok(())
}

/// Asks for an account's key until the venue takes it, or a person says to go on without.
async fn keys_of(
    account: &mut DraftAccount,
    draft: &Draft,
    is_offline: bool,
    questions: &mut Questions,
    venues: &mut Venues,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    loop {
        let names = draft.keeper.names_of_account(&account.name);
        account.key = questions.secret(&format!("API key of {}?", account.name), &names[0])?;
        account.secret =
            questions.secret(&format!("API secret of {}?", account.name), &names[1])?;
        let alone = draft.with_only(account);
        let config = read(&alone, Path::new("fillsync.toml"))?;
        let Some(settings) = config.accounts.values().next() else {
            bail!("the account {} was not read", account.name);
        };
        if is_offline {
            return Ok(());
        }
        let mut asked = Findings::default();
        let venue = venues.open_with(settings, account.key.clone(), account.secret.clone())?;
        let report = keys::of(settings, venue.as_ref(), &mut asked).await;
        questions.tell(asked.table(questions.look()).trim_end());
        let is_good = asked.verdict().is_ok();
        if is_good || !questions.is_terminal() {
            if !is_good {
                bail!(
                    "the key of account {} cannot be used, so nothing was written; --offline asks no venue",
                    account.name
                );
            }
            findings.add_account(asked, report);
            return Ok(());
        }
        if !questions.confirm("Try other keys?", true)? {
            bail!("nothing was written");
        }
    }
}

/// Asks where alerts go.
fn channel(draft: &mut Draft, wish: &Wish, questions: &mut Questions) -> anyhow::Result<()> {
    let kind = match &wish.channel {
        Some(kind) => kind.clone(),
        None => questions.word("Where do alerts go?", &CHANNELS, "stdout")?,
    };
    let answer = |questions: &mut Questions, given: &Option<String>, what: &str| match given {
        Some(given) => Ok(given.clone()),
        None => questions.ask(what, None),
    };
    draft.channel = match kind.as_str() {
        "stdout" => DraftChannel::Stdout,
        "telegram" => DraftChannel::Telegram {
            token: questions.secret("The bot's token?", &draft.keeper.name("telegram", "token"))?,
            chat_id: answer(questions, &wish.chat_id, "The chat's number, or its @name?")?,
            base_url: wish.channel_url.clone(),
        },
        "webhook" => DraftChannel::Webhook {
            url: answer(questions, &wish.channel_url, "The address to post to?")?,
        },
        other => bail!(
            "{other:?} is no kind of channel; init knows {}",
            CHANNELS.join(", ")
        ),
    };
    Ok(())
}

/// Reads what is about to be written as the daemon will.
fn read(text: &str, path: &Path) -> anyhow::Result<Config> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = path.display().to_string();
    fillsync_config::parse(text, &file, folder, &app::known_plugins())
        .map(|loaded| loaded.config)
        .map_err(|problems| anyhow!(fillsync_config::report(&problems)))
}

/// Writes the secrets, then the configuration; what fails takes back what was written.
fn write(draft: &Draft, text: &str, path: &Path) -> anyhow::Result<Made> {
    let mut written: Vec<PathBuf> = Vec::new();
    let outcome = draft
        .keeper
        .write(&draft.secrets(), &mut written)
        .and_then(|()| {
            draft::create(path, text.as_bytes(), 0o644)
                .with_context(|| format!("{} cannot be written", path.display()))
        });
    if let Err(error) = outcome {
        for path in &written {
            // What is left is named in the error of the next try.
            let _ = std::fs::remove_file(path);
        }
        return Err(error);
    }
    Ok(Made {
        config: path.display().to_string(),
        secrets: written
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        variables: draft.variables(),
    })
}

fn finish(answers: &Answers<'_>, made: &Made, findings: &Findings) -> anyhow::Result<()> {
    if answers.json {
        let answer = serde_json::json!({
            "config": made.config, "secrets": made.secrets, "variables": made.variables,
            "findings": findings,
        });
        return say(&answer.to_string());
    }
    let mut text = format!("{} is written", made.config);
    if !made.secrets.is_empty() {
        text.push_str(&format!(
            ", and {} files with one secret each, which only you can read:\n  {}",
            made.secrets.len(),
            made.secrets.join("\n  ")
        ));
    }
    if !made.variables.is_empty() {
        text.push_str(".\nSet these variables where fillsync is started:\n  ");
        text.push_str(&made.variables.join("\n  "));
    }
    let config = &made.config;
    text.push_str(&format!(
        "\nNext:\n  fillsync --config {config} check\n  fillsync --config {config} run"
    ));
    say(&text)
}
