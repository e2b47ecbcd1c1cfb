//! Secrets appear nowhere: every output of a run that meets everything bad is searched for them.
//!
//! The run has the log at its loudest, a venue that echoes the signature's text in a refusal, broken
//! receivers, wrong tokens and failing commands; what is searched is the log, every answer, every
//! message, the ledger's own files and the words of every command.

use crate::rig::{
    API_TOKEN, BOT_TOKEN, DISCORD_TOKEN, HOOK_PATH_KEY, HOOK_SECRET, MAIL_PASSWORD, MAIN_KEY,
    MAIN_SECRET, MIRROR_KEY, MIRROR_SECRET, Messengers, NTFY_TOKEN, NTFY_TOPIC, Rig, SLACK_KEY,
    SLACK_TOKEN, eventually, so,
};
use fillsync_fake::{Fault, Match, SmtpFault};

const CANARIES: [&str; 14] = [
    MAIN_KEY,
    MAIN_SECRET,
    MIRROR_KEY,
    MIRROR_SECRET,
    BOT_TOKEN,
    HOOK_SECRET,
    HOOK_PATH_KEY,
    API_TOKEN,
    DISCORD_TOKEN,
    SLACK_KEY,
    SLACK_TOKEN,
    NTFY_TOKEN,
    NTFY_TOPIC,
    MAIL_PASSWORD,
];

/// Receivers of every kind that echo what was shown to them, now and for good.
fn with_echoing_messengers(rig: &Rig) -> Messengers {
    let messengers = Messengers::start(rig);
    messengers.configure(rig, "");
    let echoes = [
        (
            messengers.discord.faults(),
            format!("no {DISCORD_TOKEN} at /api/webhooks/1/{DISCORD_TOKEN}"),
        ),
        (messengers.slack.faults(), format!("no {SLACK_TOKEN}")),
        (
            messengers.slack_hook.faults(),
            format!("no {SLACK_KEY} at /services/{SLACK_KEY}"),
        ),
        (
            messengers.ntfy.faults(),
            format!("no {NTFY_TOKEN} for {NTFY_TOPIC}"),
        ),
    ];
    for (faults, echo) in &echoes {
        // The first message is refused in two ways, the second is gone for good.
        faults.add(Match::any(), Fault::status(500, echo), 1);
        faults.add(Match::any(), Fault::DropConnection, 1);
        faults.add(Match::any().after(1), Fault::status(400, echo), 2);
    }
    for (to, code) in [("MAIL", 451), ("RCPT", 550)] {
        messengers.mail.fault(SmtpFault::Reply {
            to,
            code,
            text: format!("no {MAIL_PASSWORD}"),
        });
    }
    messengers
}

/// Fails where a secret, or a longer part of one, stands in the text.
fn assert_clean(place: &str, text: &[u8]) {
    for canary in CANARIES {
        for part in [canary, &canary[canary.len() - 12..]] {
            let found = text
                .windows(part.len())
                .position(|window| window == part.as_bytes());
            if let Some(at) = found {
                let from = at.saturating_sub(200);
                let to = (at + 100).min(text.len());
                panic!(
                    "{part} stands in {place}: {}",
                    String::from_utf8_lossy(&text[from..to])
                );
            }
        }
    }
}

#[test]
fn law_16_no_secret_appears_anywhere() {
    let rig = Rig::new();
    rig.with_telegram();
    let messengers = with_echoing_messengers(&rig);
    rig.edit("log_level = \"info\"", "log_level = \"trace\"");
    rig.edit(
        "listen =",
        "api_token = { env = \"RIG_API_TOKEN\" }\nlisten =",
    );
    let faults = rig.bybit.faults();
    // Bybit's own refusal of a signature shows what was signed: the time, the key, the query.
    let echo = format!(
        "error sign! origin_string[1700000000000{MIRROR_KEY}5000category=linear] secret {MIRROR_SECRET}"
    );
    let of_mirror = || Match::path("/v5/").account("mirror");
    faults.add(of_mirror().after(20), Fault::refuse(10_001, &echo), 2);
    faults.add(of_mirror().after(20), Fault::status(502, &echo), 1);
    let hook_echo = format!("no {HOOK_SECRET} at /{HOOK_PATH_KEY}");
    rig.hook
        .faults()
        .add(Match::any(), Fault::status(500, &hook_echo), 2);
    rig.hook
        .faults()
        .add(Match::any().after(3), Fault::status(400, &hook_echo), 1);
    rig.telegram.faults().add(
        Match::any(),
        Fault::refuse(401, &format!("bad {BOT_TOKEN}")),
        1,
    );
    rig.telegram
        .faults()
        .add(Match::any(), Fault::DropConnection, 1);

    let bearer = format!("Authorization: Bearer {API_TOKEN}\r\n");
    let mut daemon = rig.start();
    eventually("it is ready", || {
        let (status, body) = daemon.ask_with("/ready", &bearer);
        so(status == 200, body)
    });
    for account in ["main", "mirror"] {
        for slot in 1..=3 {
            rig.fill(&rig.place(account, slot));
        }
    }
    rig.wait_for_all_fills();
    rig.wait_for("fill", 5);
    // A key that stops being good.
    faults.add(
        of_mirror(),
        Fault::refuse(10_004, &echo),
        fillsync_fake::FOREVER,
    );
    daemon.wait_for_event("key_refused");
    // A configuration that holds a secret in the wrong place.
    let good = rig.config();
    std::fs::write(
        rig.config_path(),
        good.replace(
            "api_key = { env = \"RIG_MAIN_KEY\" }",
            &format!("api_key = \"{MAIN_KEY}\""),
        ),
    )
    .unwrap();
    daemon.wait_for_event("config_rejected");
    let check = rig.run(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert_clean(
        "check of a secret in the file",
        &[check.stdout, check.stderr].concat(),
    );
    std::fs::write(rig.config_path(), good).unwrap();

    for path in [
        "/",
        "/fills",
        "/performance",
        "/counts",
        "/divergences",
        "/alerts",
        "/accounts",
        "/plugins",
        "/status",
        "/orders",
        "/events",
        "/health",
        "/ready",
        "/metrics",
        "/nowhere",
    ] {
        let (_, body) = daemon.ask_with(path, &bearer);
        assert_clean(path, body.as_bytes());
        let wrong = format!("Authorization: Bearer {API_TOKEN}x\r\n");
        let (status, body) = daemon.ask_with(path, &wrong);
        // The page itself holds no data: it asks for all of it with the token.
        let is_open = matches!(path, "/" | "/health" | "/ready");
        assert_eq!(status == 401, !is_open, "{path}: {status}");
        assert_clean(path, body.as_bytes());
    }
    for arguments in [
        &["check"][..],
        &["status", "--json"],
        &["alerts", "--json"],
        &["plugin", "list"],
        &["verify"],
        &["fills", "--json"],
        &["counts"],
        &["alerts", "test", "discord"],
        &["alerts", "test", "slack-bot", "--json"],
        &["alerts", "test", "slack-hook"],
        &["alerts", "test", "ntfy"],
        &["alerts", "test", "mail"],
        &["alerts", "test", "automation"],
        &["alerts", "resend", "1"],
    ] {
        let output = rig.run(arguments);
        assert_clean(
            &format!("{arguments:?}"),
            &[output.stdout, output.stderr].concat(),
        );
    }
    for request in rig.hook.received() {
        assert_clean("a message of the webhook", &request.body);
        let named = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"));
        assert_clean(
            "a header of the webhook",
            named.collect::<String>().as_bytes(),
        );
    }
    eventually("each receiver was refused or told", || {
        let texts = messengers.texts();
        so(texts.iter().all(|(_, texts)| !texts.is_empty()), texts)
    });
    for (name, texts) in messengers.texts() {
        for text in texts {
            assert_clean(name, text.as_bytes());
        }
    }
    for message in rig.telegram.received() {
        assert_clean("a message on Telegram", format!("{message:?}").as_bytes());
    }
    assert!(daemon.stop().success());
    let log = daemon.log();
    assert!(
        log.contains("\"level\":\"TRACE\"") || log.contains("\"level\":\"DEBUG\""),
        "not loud"
    );
    assert_clean("the log", log.as_bytes());
    for entry in std::fs::read_dir(rig.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path != rig.config_path() {
            assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}
