//! Channels: every kind is told the same, in order; what a receiver refuses, delays or misses costs only itself.

use crate::rig::{Daemon, Messengers, Rig, SYMBOL, eventually, eventually_within, so};
use fillsync_fake::{FOREVER, Fault, Match};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The deliveries of all alerts: kind, channel, state.
fn deliveries(daemon: &Daemon) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let answer = daemon.json("/alerts?limit=500");
    let alerts = answer["alerts"].as_array().unwrap().clone();
    let of_alert = |alert: &Value| -> Vec<_> {
        let deliveries = alert["deliveries"].as_array().unwrap().iter();
        deliveries
            .map(|delivery| {
                (
                    text(&alert["kind"]),
                    text(&delivery["channel"]),
                    text(&delivery["state"]),
                )
            })
            .collect()
    };
    alerts.iter().flat_map(of_alert).collect()
}

/// Main's orders of slots 1 to `slots` fill, one after the other.
fn fill_in_turn(rig: &Rig, daemon: &Daemon, slots: usize) {
    for slot in 1..=slots {
        rig.fill(&rig.place("main", slot));
        eventually("it is decided", || {
            let counts = daemon.counts(SYMBOL);
            let is_so = counts
                .as_ref()
                .is_some_and(|counts| counts[0].0 == slot as u64);
            so(is_so, counts)
        });
    }
}

#[test]
fn every_kind_of_channel_is_told_the_same_fills_in_the_same_order() {
    let rig = Rig::new();
    let messengers = Messengers::start(&rig);
    messengers.configure(&rig, "alerts = [\"fill\"]");
    let daemon = rig.start_ready();
    fill_in_turn(&rig, &daemon, 3);
    for (name, texts) in messengers.wait_for_all(3) {
        for (at, text) in texts.iter().enumerate() {
            let wanted = format!("{} of ", at + 1);
            assert!(text.contains("LIMIT ORDER FILLED"), "{name}: {texts:#?}");
            assert!(text.contains(&wanted), "{name}: {texts:#?}");
        }
        assert_eq!(texts.len(), 3, "{name}: {texts:#?}");
    }
}

#[test]
fn a_lagging_count_that_heals_is_edited_in_place_where_a_channel_can_and_corrected_where_not() {
    // The mirror's fills become visible only after the deadline: main's alert was sent without them.
    let rig = Rig::new();
    rig.edit("deadline = \"2s\"", "deadline = \"1s\"");
    let messengers = Messengers::start(&rig);
    messengers.configure(
        &rig,
        "accounts = [\"main\"]\nalerts = [\"fill\", \"correction\"]",
    );
    let _daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    let now = rig.now_ms();
    for (order, price) in mirror.iter().zip(["0.2215", "0.2230"]) {
        let late = fillsync_fake::Fill::new("150", price)
            .maker()
            .at_ms(now)
            .visible_at_ms(now + 4_000);
        rig.bybit.book().fill(order, late).unwrap();
    }
    rig.fill(&main);
    for (name, texts) in messengers.wait_for_all(1) {
        assert!(texts[0].contains("1 of "), "{name}: {texts:#?}");
    }
    let edited = ["discord", "slack-bot"];
    eventually("the later truth is told everywhere", || {
        let said: Vec<(&str, Vec<String>)> = messengers.texts();
        let is_told = said.iter().all(|(name, texts)| {
            if edited.contains(name) {
                texts.len() == 1 && texts[0].contains("2 of 2")
            } else {
                texts.len() == 2 && texts[1].contains("2 of 2") && texts[1].contains("(was 1)")
            }
        });
        so(is_told, said)
    });
    let before = &messengers.discord.received()[0].edits[0].text;
    assert!(before.contains("1 of "), "{before}");
    let before = &messengers.slack.received()[0].edits[0].text;
    assert!(before.contains("1 of "), "{before}");
    // A mail program shows the correction beneath what it corrects.
    let letters = messengers.mail.received();
    assert_eq!(
        letters[1].header("in-reply-to"),
        letters[0].header("message-id")
    );
}

#[test]
fn one_channel_that_is_slow_and_one_that_refuses_hold_no_other_up() {
    let rig = Rig::new();
    let messengers = Messengers::start(&rig);
    messengers.configure(&rig, "alerts = [\"fill\"]");
    let discord = messengers.discord.faults();
    discord.add(Match::any(), Fault::DelayAnswer { ms: 4_000 }, FOREVER);
    messengers.slack_hook.refuse(403, "action_prohibited");
    let daemon = rig.start_ready();
    let began = Instant::now();
    fill_in_turn(&rig, &daemon, 2);
    for channel in ["ntfy", "mail", "slack-bot"] {
        eventually("those that work have all", || {
            let texts = messengers.texts_of(channel);
            so(texts.len() == 2, texts)
        });
    }
    let quick = began.elapsed();
    assert!(quick < Duration::from_secs(20), "{quick:?}");
    // The slow one gets all as well, in order, each once.
    eventually("the slow one has all", || {
        let texts = messengers.texts_of("discord");
        so(texts.len() == 2, texts)
    });
    let dead: Vec<_> = eventually("what was refused is dead, and only that", || {
        let found = deliveries(&daemon);
        let dead: Vec<_> = found
            .iter()
            .filter(|(_, _, state)| state == "dead")
            .cloned()
            .collect();
        if dead.len() == 2 {
            Ok(dead)
        } else {
            Err(format!("{found:#?}"))
        }
    });
    assert!(
        dead.iter()
            .all(|(kind, channel, _)| kind == "fill" && channel == "slack-hook"),
        "{dead:?}"
    );
    let told = rig.wait_for("system", 1).remove(0);
    assert!(
        told.text.contains("slack-hook") && told.text.contains("administrator"),
        "{}",
        told.text
    );
}

#[test]
fn a_receiver_that_asks_to_wait_is_left_alone_for_so_long() {
    let rig = Rig::new();
    let messengers = Messengers::start(&rig);
    messengers.configure(&rig, "alerts = [\"fill\"]");
    let daemon = rig.start_ready();
    let wait = Fault::TooManyRequests {
        retry_after_s: 3,
        with_headers: true,
    };
    messengers
        .discord
        .faults()
        .add(Match::any(), wait.clone(), 1);
    messengers.slack.faults().add(Match::any(), wait, 1);
    let began = Instant::now();
    fill_in_turn(&rig, &daemon, 2);
    for channel in ["discord", "slack-bot"] {
        eventually("it has both", || {
            let texts = messengers.texts_of(channel);
            so(texts.len() == 2, texts)
        });
    }
    assert!(
        began.elapsed() >= Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    for requests in [messengers.discord.requests(), messengers.slack.requests()] {
        let tries: Vec<i64> = requests.all().iter().map(|request| request.at_ms).collect();
        assert_eq!(tries.len(), 3, "refused once, then two messages: {tries:?}");
        let waited = tries[1] - tries[0];
        assert!((2_900..=9_000).contains(&waited), "{waited} ms");
    }
}

#[test]
fn what_a_receiver_missed_for_long_is_one_digest_and_nothing_is_lost_from_the_list() {
    let rig = Rig::new();
    rig.edit(
        "formatter = \"limit-fill\"",
        "formatter = \"limit-fill\"\nbacklog_after = \"10s\"",
    );
    rig.with_telegram();
    let daemon = rig.start_ready();
    rig.hook.faults().unplug();
    fill_in_turn(&rig, &daemon, 3);
    rig.flatten("main");
    // Whoever can still be reached is told that this one cannot.
    eventually_within(Duration::from_secs(60), "the others are told", || {
        let received = rig.telegram.received();
        let is_told = received
            .iter()
            .any(|message| message.text.contains("takes no messages since"));
        so(
            is_told,
            received
                .iter()
                .map(|message| message.text.clone())
                .collect::<Vec<_>>(),
        )
    });
    rig.hook.faults().plug_in();
    let digest = eventually_within(Duration::from_secs(60), "one digest", || {
        rig.of_kind("digest")
            .pop()
            .ok_or_else(|| format!("{:#?}", rig.messages()))
    });
    assert!(
        digest
            .text
            .contains("main GTCUSDT Sell: 3 limit orders filled"),
        "{}",
        digest.text
    );
    assert!(digest.text.contains("told late"), "{}", digest.text);
    eventually("nothing waits any more", || {
        let status = daemon.json("/status");
        so(status["outbox"]["pending"] == 0, status)
    });
    assert_eq!(rig.messages().len(), 1, "{:#?}", rig.messages());
    let fills: Vec<_> = deliveries(&daemon)
        .into_iter()
        .filter(|(kind, channel, _)| kind == "fill" && channel == "automation")
        .collect();
    assert_eq!(fills.len(), 3, "every alert is in the list");
    assert!(
        fills.iter().all(|(_, _, state)| state == "digested"),
        "{fills:?}"
    );
    // What happens from now on is told as ever.
    rig.fill(&rig.place("mirror", 1));
    rig.wait_for("fill", 1);
    let verify = rig.run(&["verify", "--offline"]);
    assert!(
        verify.status.success(),
        "{}",
        String::from_utf8_lossy(&verify.stdout)
    );
}

#[test]
fn law_11_a_kill_while_a_digest_is_on_its_way_repeats_it_at_most_once_with_the_same_key() {
    let rig = Rig::new();
    rig.edit(
        "formatter = \"limit-fill\"",
        "formatter = \"limit-fill\"\nbacklog_after = \"10s\"",
    );
    let mut daemon = rig.start_ready();
    rig.hook.faults().unplug();
    fill_in_turn(&rig, &daemon, 2);
    let began = Instant::now();
    eventually("both waited for long", || {
        so(began.elapsed() > Duration::from_secs(12), began.elapsed())
    });
    let slow = Fault::DelayAnswer { ms: 10_000 };
    rig.hook.faults().add(Match::any(), slow, 1);
    rig.hook.faults().plug_in();
    eventually_within(Duration::from_secs(60), "the digest is on its way", || {
        so(rig.of_kind("digest").len() == 1, rig.messages())
    });
    daemon.kill();
    let daemon = rig.start_ready();
    eventually("all is told", || {
        let status = daemon.json("/status");
        so(status["outbox"]["pending"] == 0, status)
    });
    let messages = rig.messages();
    assert_eq!(messages.len(), 2, "{messages:#?}");
    assert!(
        messages.iter().all(|message| message.kind == "digest"),
        "{messages:#?}"
    );
    assert_eq!(messages[0].key, messages[1].key);
    assert_eq!(
        messages[0].body["alert"]["body"]["events"],
        messages[1].body["alert"]["body"]["events"]
    );
}

/// Quiet hours in UTC that began an hour ago and end in `seconds`.
fn quiet_for(seconds: u64) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let clock = |at: u64| format!("{:02}:{:02}:{:02}", at / 3_600 % 24, at / 60 % 60, at % 60);
    format!(
        "quiet = {{ from = \"{}\", to = \"{}\" }}\n",
        clock(now - 3_600),
        clock(now + seconds)
    )
}

#[test]
fn quiet_hours_let_through_what_is_critical_and_tell_the_rest_as_one_afterwards() {
    let rig = Rig::new();
    rig.with_telegram();
    // As long as a slow machine needs to start and to see a difference.
    let quiet = quiet_for(25);
    rig.edit(
        "formatter = \"limit-fill\"",
        &format!("formatter = \"limit-fill\"\n{quiet}"),
    );
    let daemon = rig.start_ready();
    let open = rig.place("mirror", 1);
    fill_in_turn(&rig, &daemon, 2);
    // The mirror's order is still open at the deadline: that is critical.
    let divergence = rig.wait_for("divergence", 1).remove(0);
    assert_eq!(
        rig.messages().len(),
        rig.of_kind("divergence").len(),
        "{:#?}",
        rig.messages()
    );
    assert!(rig.of_kind("fill").is_empty() && !open.is_empty());
    // The other channel has no quiet hours.
    eventually("Telegram has the fills", || {
        let received = rig.telegram.received();
        so(
            received
                .iter()
                .filter(|message| message.text.contains("FILLED"))
                .count()
                == 2,
            received,
        )
    });
    let digest = eventually_within(
        Duration::from_secs(60),
        "the digest after the quiet hours",
        || {
            rig.of_kind("digest")
                .pop()
                .ok_or_else(|| format!("{:#?}", rig.messages()))
        },
    );
    assert!(
        digest.text.contains("kept for after the quiet hours"),
        "{}",
        digest.text
    );
    assert!(
        digest
            .text
            .contains("main GTCUSDT Sell: 2 limit orders filled"),
        "{}",
        digest.text
    );
    assert!(rig.of_kind("fill").is_empty(), "{:#?}", rig.messages());
    // The urgent one was not held until then, nor told again.
    let identities: Vec<String> = rig
        .messages()
        .into_iter()
        .map(|message| message.identity)
        .collect();
    assert_eq!(identities[0], divergence.identity, "{identities:?}");
    assert_eq!(
        identities
            .iter()
            .filter(|one| **one == divergence.identity)
            .count(),
        1
    );
}

#[test]
fn a_group_that_moved_is_followed_and_told_once_for_ever() {
    let rig = Rig::new();
    rig.with_telegram();
    rig.telegram.migrate_chat("-1001234", -1_009_999);
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    let told = rig.wait_for("system", 1).remove(0);
    assert!(
        told.text.contains("set chat_id to \"-1009999\""),
        "{}",
        told.text
    );
    assert!(daemon.stop().success());
    // The configuration still has the old chat: it is followed again, and not told again.
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 2));
    eventually("the new chat has both", || {
        let received = rig.telegram.received();
        let fills = received
            .iter()
            .filter(|message| message.text.contains("FILLED"));
        so(
            fills.count() == 2 && received.iter().all(|m| m.chat_id == "-1009999"),
            received,
        )
    });
    eventually("nothing waits any more", || {
        let status = daemon.json("/status");
        so(status["outbox"]["pending"] == 0, status)
    });
    assert_eq!(rig.of_kind("system").len(), 1, "{:#?}", rig.messages());
}

#[test]
fn a_dead_letter_is_sent_again_when_somebody_asks_beside_the_running_daemon() {
    let rig = Rig::new();
    rig.with_telegram();
    rig.edit(
        "alerts = [\"fill\", \"divergence\", \"resolved\", \"system\"]",
        "alerts = [\"fill\"]",
    );
    rig.telegram.block_chat("-1001234");
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    daemon.wait_for_event("alert_dead");
    let answer = daemon.json("/alerts");
    let alerts = answer["alerts"].as_array().unwrap();
    let is_fill = |alert: &&Value| alert["kind"] == "fill";
    let id = alerts.iter().find(is_fill).unwrap()["id"].to_string();
    rig.telegram.unblock_chat("-1001234");
    let output = rig.run(&["alerts", "resend", &id, "--channel", "ops"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("queued"),
        "{output:?}"
    );
    eventually("it arrives", || {
        let received = rig.telegram.received();
        so(
            received.len() == 1 && received[0].text.contains("FILLED"),
            received,
        )
    });
    eventually("nothing is dead any more", || {
        let status = daemon.json("/status");
        so(status["outbox"]["dead"] == 0, status)
    });
    // Once more there is nothing to send, and nothing is.
    let output = rig.run(&["alerts", "resend", &id]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("it is sent"), "{said}");
    assert_eq!(
        rig.run(&["alerts", "resend", "9999"]).status.code(),
        Some(1)
    );
    assert_eq!(
        rig.run(&["alerts", "resend", &id, "--channel", "nobody"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(rig.telegram.received().len(), 1);
}

#[test]
fn a_test_goes_the_way_of_every_alert_says_that_it_is_one_and_is_recorded_nowhere() {
    let rig = Rig::new();
    rig.with_telegram();
    let messengers = Messengers::start(&rig);
    messengers.configure(&rig, "");
    let mut daemon = rig.start_ready();
    assert!(daemon.stop().success());
    for channel in [
        "automation",
        "ops",
        "discord",
        "slack-bot",
        "slack-hook",
        "ntfy",
        "mail",
    ] {
        let output = rig.run(&["alerts", "test", channel]);
        assert!(output.status.success(), "{channel}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("took a test"), "{channel}: {said}");
    }
    for (name, texts) in messengers.texts() {
        assert_eq!(texts.len(), 1, "{name}: {texts:#?}");
        assert!(
            texts[0].contains("TEST") && texts[0].contains("nothing filled"),
            "{name}: {texts:#?}"
        );
    }
    assert!(rig.telegram.received()[0].text.starts_with("TEST · "));
    assert_eq!(rig.messages().len(), 1);
    let listed = rig.run(&["alerts", "--json"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(!listed.contains("test/"), "{listed}");

    // What the receiver says, and what to do about it.
    rig.telegram.block_chat("-1001234");
    let output = rig.run(&["alerts", "test", "ops"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("kicked") && said.contains("let the bot back in"),
        "{said}"
    );
    let output = rig.run(&["alerts", "test", "opps"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("it has automation"),
        "{output:?}"
    );
}

#[test]
fn check_says_of_each_channel_what_it_needs_and_what_its_receiver_says() {
    let rig = Rig::new();
    rig.with_telegram();
    let messengers = Messengers::start(&rig);
    messengers.configure(&rig, "");
    let output = rig.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    for line in [
        "channel ops: telegram, token from environment variable RIG_BOT_TOKEN; the token is good",
        "channel automation: webhook, secret from environment variable RIG_HOOK_SECRET; it cannot be asked",
        "channel discord: discord, url from file",
        "webhook \"fills\" of channel",
        "bot \"fillsync\" of \"desk\"",
        "channel mail: email, password from file",
        "the login is good",
    ] {
        assert!(said.contains(line), "no {line:?} in:\n{said}");
    }
    // Nobody got a message by it.
    assert!(messengers.texts().iter().all(|(_, texts)| texts.is_empty()));
    assert!(rig.telegram.received().is_empty() && rig.messages().is_empty());
    rig.telegram.block_chat("-1001234");
    messengers.discord.delete_webhook();
    let output = rig.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("channel discord: channel discord at 127.0.0.1"),
        "{said}"
    );
    assert!(said.contains("make a new one"), "{said}");
    assert!(said.contains("let the bot back in"), "{said}");
    let offline = rig.run(&["check", "--offline"]);
    assert!(offline.status.success(), "{offline:?}");
}
