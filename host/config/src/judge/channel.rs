//! Whether the parts of a channel fit together, and whether what it wants exists.

use super::{Declared, unknown_plugin};
use crate::notes::Notes;
use crate::problem::Severity::{Error, Warning};
use crate::read::{nearest_or_all, quoted};
use crate::schema::{Channel, ChannelKind, Email, Ntfy, Slack, Telegram};
use crate::value::{EmailTls, is_loopback};
use fillsync_core::alert::{AlertKind, Severity};
use std::time::Duration;

/// A shorter outage than this is none: its messages are told one by one.
const BACKLOG_AFTER_MIN: Duration = Duration::from_secs(10);

/// Notes what does not fit in one channel.
pub(super) fn judge_channel(channel: &Channel, declared: &Declared<'_>, notes: &Notes<'_>) {
    let key = |name: &str| format!("channel.{}.{name}", channel.name);
    let formatter = channel.formatter.as_str();
    if !declared.plugins.contains(&formatter) {
        unknown_plugin(notes, &key("formatter"), formatter, &declared.plugins);
    }
    judge_routing(channel, declared, notes);
    if let Some(quiet) = &channel.quiet
        && quiet.from == quiet.to
    {
        notes.misfit(
            Error,
            &key("quiet.to"),
            "`to` is the same as `from`: these hours are empty",
            "write for instance quiet = { from = \"22:00\", to = \"07:00\" }; to silence a channel, remove it",
        );
    }
    if channel.backlog_after < BACKLOG_AFTER_MIN {
        notes.misfit(
            Error,
            &key("backlog_after"),
            "`backlog_after` is below 10s, so ordinary delays would become digests",
            "write for instance \"30m\"",
        );
    }
    match &channel.kind {
        ChannelKind::Telegram(telegram) => judge_telegram(channel, telegram, notes),
        ChannelKind::Slack(slack) => judge_slack(channel, slack, notes),
        ChannelKind::Ntfy(ntfy) => judge_ntfy(channel, ntfy, notes),
        ChannelKind::Email(email) => judge_email(channel, email, notes),
        ChannelKind::Discord(_) | ChannelKind::Webhook(_) | ChannelKind::Stdout => {}
    }
}

fn judge_routing(channel: &Channel, declared: &Declared<'_>, notes: &Notes<'_>) {
    let key = |name: &str| format!("channel.{}.{name}", channel.name);
    let unknown = |what: &str, list: &str, names: Vec<&str>, known: &[&str]| {
        for (at, name) in names.into_iter().enumerate() {
            if !known.contains(&name) {
                let message = format!("there is no {what} named {}", quoted(name));
                let help = nearest_or_all(name, known);
                notes.misfit(Error, &format!("{}[{at}]", key(list)), message, help);
            }
        }
    };
    let groups = channel.groups.iter().flatten();
    let groups = groups.map(|name| name.as_str()).collect();
    unknown("group", "groups", groups, &declared.groups);
    let accounts = channel.accounts.iter().flatten();
    let accounts = accounts.map(|name| name.as_str()).collect();
    unknown("account", "accounts", accounts, &declared.accounts);
    for (name, is_empty) in [
        ("alerts", channel.alerts.is_empty()),
        ("groups", channel.groups.as_ref().is_some_and(Vec::is_empty)),
        (
            "accounts",
            channel.accounts.as_ref().is_some_and(Vec::is_empty),
        ),
        (
            "symbols",
            channel.symbols.as_ref().is_some_and(Vec::is_empty),
        ),
    ] {
        if is_empty {
            notes.misfit(
                Error,
                &key(name),
                format!("`{name}` is empty, so the channel gets nothing"),
                "leave the key out to get its default",
            );
        }
    }
    let is_only_news = |kind: &AlertKind| {
        matches!(
            kind,
            AlertKind::Fill | AlertKind::Progress | AlertKind::Closed
        )
    };
    if channel.severity > Severity::Info
        && !channel.alerts.is_empty()
        && channel.alerts.iter().all(is_only_news)
    {
        notes.misfit(
            Warning,
            &key("severity"),
            format!(
                "fills and closed cycles are of severity \"info\", so with \"{}\" the channel gets nothing",
                channel.severity
            ),
            "leave `severity` out, or add \"divergence\" and \"system\" to `alerts`",
        );
    }
}

fn judge_telegram(channel: &Channel, telegram: &Telegram, notes: &Notes<'_>) {
    let id = &telegram.chat_id;
    let is_number = id
        .strip_prefix('-')
        .unwrap_or(id)
        .bytes()
        .all(|b| b.is_ascii_digit());
    let is_name = id.strip_prefix('@').is_some_and(|name| !name.is_empty());
    if !(is_name || is_number && id.parse::<i64>().is_ok()) {
        notes.misfit(
            Error,
            &format!("channel.{}.chat_id", channel.name),
            "`chat_id` is neither a number nor \"@name\"",
            "write for instance \"-1001234\" or \"@my_channel\"",
        );
    }
}

fn judge_slack(channel: &Channel, slack: &Slack, notes: &Notes<'_>) {
    let key = |name: &str| format!("channel.{}.{name}", channel.name);
    match (&slack.url, &slack.token) {
        (None, None) => notes.misfit(
            Error,
            &key("kind"),
            "a channel of kind `slack` needs `url` (an incoming webhook) or `token` and `channel` (a bot)",
            "add for instance url = { env = \"SLACK_WEBHOOK\" }",
        ),
        (Some(_), Some(_)) => notes.misfit(
            Error,
            &key("url"),
            "`url` and `token` are two ways to the same end",
            "keep `token` and `channel`, with which messages can be edited, or `url` alone",
        ),
        (Some(_), None) if slack.channel.is_some() => notes.misfit(
            Error,
            &key("channel"),
            "an incoming webhook writes to the channel that it was made for",
            "remove `channel`, or use a bot: `token` in the place of `url`",
        ),
        (None, Some(_)) if slack.channel.is_none() => notes.misfit(
            Error,
            &key("token"),
            "a bot must know where to write",
            "add `channel` with the channel's id, for instance \"C0123456789\"",
        ),
        _ => {}
    }
}

fn judge_ntfy(channel: &Channel, ntfy: &Ntfy, notes: &Notes<'_>) {
    const TOPIC_CHARACTERS_MAX: usize = 64;
    let key = |name: &str| format!("channel.{}.{name}", channel.name);
    let is_topic = ntfy.topic.len() <= TOPIC_CHARACTERS_MAX
        && ntfy
            .topic
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !is_topic {
        notes.misfit(
            Error,
            &key("topic"),
            "a topic has letters, digits, \"-\" and \"_\", at most 64",
            "write for instance \"fillsync-7f3a9c\"",
        );
    }
    login(channel, ntfy.user.is_some(), ntfy.password.is_some(), notes);
    if ntfy.token.is_some() && ntfy.user.is_some() {
        notes.misfit(
            Error,
            &key("token"),
            "`token` and `user` are two ways to the same end",
            "keep one of them",
        );
    }
    if ntfy.token.is_none() && ntfy.user.is_none() {
        notes.misfit(
            Warning,
            &key("topic"),
            "without a token the topic is open: whoever knows its name can read the alerts and write some",
            "reserve the topic and add `token`, or choose a name that nobody can guess",
        );
    }
}

fn judge_email(channel: &Channel, email: &Email, notes: &Notes<'_>) {
    let key = |name: &str| format!("channel.{}.{name}", channel.name);
    login(
        channel,
        email.user.is_some(),
        email.password.is_some(),
        notes,
    );
    if email.tls == EmailTls::None && !is_loopback(&email.host) {
        notes.misfit(
            Error,
            &key("tls"),
            "`tls = \"none\"` is allowed to this machine only: alerts would cross the network in the clear",
            "write \"starttls\" or \"implicit\"",
        );
    }
    if email.port.is_some_and(|port| port == 0 || port > 65_535) {
        notes.misfit(
            Error,
            &key("port"),
            "`port` is no port: it must be from 1 to 65535",
            "leave it out to get the usual one",
        );
    }
    if email.host.contains(['/', ':', '@', ' ']) {
        notes.misfit(
            Error,
            &key("host"),
            "`host` is the name of a mail server, without a scheme, a user or a port",
            "write for instance \"smtp.example.com\", and `port` beside it",
        );
    }
    if email.to.is_empty() {
        notes.misfit(
            Error,
            &key("to"),
            "`to` is empty, so nobody gets the alerts",
            "write for instance to = [\"desk@example.com\"]",
        );
    }
    let receivers = email.to.iter().enumerate();
    let receivers = receivers.map(|(at, address)| (format!("to[{at}]"), address));
    for (name, address) in receivers.chain([("from".to_owned(), &email.from)]) {
        if !is_mailbox(address) {
            notes.misfit(
                Error,
                &key(&name),
                format!("{} is no mail address", quoted(address)),
                "write for instance \"desk@example.com\" or \"fillsync <fillsync@example.com>\"",
            );
        }
    }
}

/// A user and a password stand together or not at all.
fn login(channel: &Channel, has_user: bool, has_password: bool, notes: &Notes<'_>) {
    let (there, missing) = match (has_user, has_password) {
        (true, false) => ("user", "password = { env = \"…\" }"),
        (false, true) => ("password", "user = \"…\""),
        _ => return,
    };
    notes.misfit(
        Error,
        &format!("channel.{}.{there}", channel.name),
        format!("`{there}` stands alone: a login has a user and a password"),
        format!("add {missing}, or remove `{there}`"),
    );
}

/// The form that every mail address has; the mail server knows the rest.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => match rest.strip_suffix('>') {
            Some(address) => address,
            None => return false,
        },
        None => text,
    };
    let is_part = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>,;".contains(c))
    };
    address
        .rsplit_once('@')
        .is_some_and(|(user, host)| is_part(user) && is_part(host) && !host.contains('@'))
}
