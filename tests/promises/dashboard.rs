//! Promise: who opens the page sees main beside mirror, what differs first, and what happens as it happens.
//!
//! A real headless Chromium looks at the real daemon. Pictures of what it saw stay under the target folder,
//! in `tmp/dashboard/`. The driver (`tests/browser/drive.mjs`) knows nothing of the page: what is looked for
//! stands here. Nobody's accessibility is left to taste: axe holds the page against WCAG.

use crate::rig::{API_TOKEN, Daemon, Rig, eventually, so};
use crate::tools::{chromium, node_packages};
use fillsync_fake::{Fault, Match};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A browser, and the pipe to it.
struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Browser {
    fn start() -> Self {
        let packages = node_packages("browser");
        let driver = format!("{}/browser/drive.mjs", env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("node")
            .arg(driver)
            .arg(packages)
            .arg(chromium())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is needed: `make tools`, or `apt-get install nodejs npm`");
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut browser = Self { child, to, from };
        let ready = browser.line();
        assert!(ready["ready"].is_string(), "{ready}");
        browser
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn tell(&mut self, command: &str, mut rest: Value) -> Value {
        rest["command"] = command.into();
        writeln!(self.to, "{rest}").unwrap();
        let mut line = self.line();
        assert!(line.get("error").is_none(), "{command}: {line:#}");
        line["answer"].take()
    }

    fn open(&mut self, daemon: &Daemon, look: Look) {
        let (width, height) = if look.phone { (390, 844) } else { (1360, 900) };
        let url = format!("http://{}/", daemon.address());
        let rest = json!({ "url": url, "width": width, "height": height, "dark": look.dark, "phone": look.phone });
        self.tell("open", rest);
    }

    fn evaluate(&mut self, script: &str) -> Value {
        self.tell("evaluate", json!({ "script": script }))
    }

    /// Waits until a script says true; it says what there is instead.
    fn until(&mut self, what: &str, script: &str) {
        eventually(what, || {
            let is_so = self.evaluate(script);
            let instead = || format!("{script} gave {is_so}");
            so(is_so == true, instead())
        });
    }

    fn text(&mut self, selector: &str) -> String {
        let script = format!("document.querySelector({selector:?})?.innerText ?? ''");
        self.evaluate(&script).as_str().unwrap().to_owned()
    }

    fn press(&mut self, key: &str) {
        self.tell("press", json!({ "key": key }));
    }

    fn picture(&mut self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        self.tell("screenshot", json!({ "path": path, "full": true }));
        path
    }

    fn assert_accessible(&mut self, name: &str) {
        let violations = self.tell("axe", json!({}));
        assert_eq!(violations, json!([]), "{name}: {violations:#}");
    }

    /// Nothing from elsewhere, nothing against the page's own policy, nothing broken.
    fn assert_quiet(&mut self, daemon: &Daemon) {
        let complaints = self.tell("complaints", json!({}));
        assert_eq!(complaints, json!([]), "{complaints:#}");
        let origin = format!("http://{}/", daemon.address());
        for asked in self.tell("asked", json!({})).as_array().unwrap() {
            assert!(
                asked["url"].as_str().unwrap().starts_with(&origin),
                "{asked}"
            );
            assert_eq!(asked["status"], 200, "{asked}");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy)]
struct Look {
    phone: bool,
    dark: bool,
}

const DESK: Look = Look {
    phone: false,
    dark: false,
};

/// The text of a cell: symbol, row ("L1", "detected", …), account.
fn cell(symbol: &str, row: &str, account: &str) -> String {
    format!(
        r##"(() => {{
            const card = [...document.querySelectorAll(".cycle")].find((one) => one.querySelector("h4").textContent.startsWith({symbol:?}));
            if (!card) return "";
            const place = [...card.querySelectorAll("thead th")].findIndex((one) => one.innerText.startsWith({account:?}));
            const row = [...card.querySelectorAll("tbody tr")].find((one) => one.querySelector("th").innerText.startsWith({row:?}));
            return row?.children[place]?.innerText ?? "";
        }})()"##
    )
}

fn cell_has(symbol: &str, row: &str, account: &str, wanted: &str) -> String {
    format!("({}).includes({wanted:?})", cell(symbol, row, account))
}

/// An operator's minutes: a fill, its mirror, a difference, and all of it without touching the page.
#[test]
fn the_page_shows_what_happens_while_it_happens() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let mut browser = Browser::start();
    rig.place("mirror", 2);
    let mirrors = rig.place("mirror", 1);
    rig.fill(&rig.place("main", 1));
    rig.fill(&mirrors);
    daemon.wait_for_counts("GTCUSDT", [(1, 1), (1, 1)]);
    browser.open(&daemon, DESK);
    browser.evaluate("window.stayed = true");

    // Main beside mirror, slot by slot; three values.
    browser.until("main's L1", &cell_has("GTCUSDT", "L1", "main", "filled"));
    browser.until(
        "mirror's L1",
        &cell_has("GTCUSDT", "L1", "mirror", "filled"),
    );
    browser.until("mirror's L2", &cell_has("GTCUSDT", "L2", "mirror", "open"));
    for account in ["main", "mirror"] {
        for (row, wanted) in [("detected", "1"), ("shown", "1"), ("truth", "aligned")] {
            browser.until(row, &cell_has("GTCUSDT", row, account, wanted));
        }
    }
    browser.until(
        "the verdict",
        r##"document.querySelector("#verdict-agree").dataset.state === "good""##,
    );
    browser.until(
        "the stream",
        r##"document.querySelector("#live").dataset.state === "on""##,
    );
    let divergences = r##"document.querySelector("#divergences").hidden"##;
    assert_eq!(browser.evaluate(divergences), true);

    // A new fill is there without a reload, at the top, and is said to who does not see it.
    let execution = rig.fill(&rig.place("main", 2));
    let first =
        format!(r##"document.querySelector("#fills tbody tr").dataset.fill === {execution:?}"##);
    browser.until("the new fill at the top", &first);
    browser.until(
        "it is said",
        r##"document.querySelector("#say-politely").textContent.includes("main")"##,
    );
    browser.until("main's L2", &cell_has("GTCUSDT", "L2", "main", "filled"));

    // The mirror's stays open past the deadline: the difference comes first on the page, and is shouted.
    browser.until(
        "the difference",
        r##"!document.querySelector("#divergences").hidden"##,
    );
    browser.until(
        "no",
        r##"document.querySelector("#verdict-agree").dataset.state === "bad""##,
    );
    assert!(browser.text("#verdict-agree .answer").contains("mirror"));
    browser.until(
        "mirror's truth",
        &cell_has("GTCUSDT", "truth", "mirror", "lagging"),
    );
    browser.until(
        "mirror's own count",
        &cell_has("GTCUSDT", "detected", "mirror", "1"),
    );
    browser.until(
        "what is shown of it",
        &cell_has("GTCUSDT", "shown", "mirror", "2"),
    );
    browser.until(
        "it is shouted",
        r##"document.querySelector("#say-now").textContent.includes("mirror")"##,
    );
    let comes_first = r##"(() => { const top = (id) => document.getElementById(id).getBoundingClientRect().top;
        return top("divergences") < top("groups") && top("divergences") < top("fills") && document.title.startsWith("(1)"); })()"##;
    assert_eq!(browser.evaluate(comes_first), true);
    browser.picture("differs-desk-light");
    assert_eq!(browser.evaluate("window.stayed"), true);
    browser.assert_quiet(&daemon);
}

#[test]
fn every_look_is_readable_by_everybody() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    rig.place("mirror", 2);
    let mirrors = rig.place("mirror", 1);
    rig.fill(&rig.place("main", 1));
    rig.fill(&mirrors);
    rig.fill(&rig.place("main", 2));
    eventually("a difference", || {
        let open = daemon.json("/divergences?open=true");
        so(open["open"] == 1, open)
    });
    let mut browser = Browser::start();
    for phone in [false, true] {
        for dark in [false, true] {
            let name = format!(
                "{}-{}",
                if phone { "phone" } else { "desk" },
                if dark { "dark" } else { "light" }
            );
            browser.open(&daemon, Look { phone, dark });
            browser.until("the cells", &cell_has("GTCUSDT", "L2", "mirror", "lagging"));
            browser.until(
                "everything",
                r##"!document.body.innerText.includes("asking")"##,
            );
            let fits = browser.evaluate("document.scrollingElement.scrollWidth <= innerWidth");
            assert_eq!(fits, true, "{name} scrolls sideways");
            let scheme = browser.evaluate("getComputedStyle(document.documentElement).colorScheme");
            assert_eq!(scheme, if dark { "dark" } else { "light" }, "{name}");
            browser.picture(&name);
            browser.assert_accessible(&name);
            browser.assert_quiet(&daemon);
        }
    }
}

/// With nothing but keys: everything can be reached and is seen to be, and the theme changes and stays.
#[test]
fn the_keyboard_is_enough() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for_all_fills();
    let mut browser = Browser::start();
    browser.open(&daemon, DESK);
    browser.until(
        "everything",
        r##"!document.body.innerText.includes("asking")"##,
    );
    let mut names = Vec::new();
    for _ in 0..60 {
        browser.press("Tab");
        let focused = browser.evaluate(
            r##"(() => { const one = document.activeElement; if (!one || one === document.body) return null;
                const style = getComputedStyle(one);
                return { name: (one.ariaLabel ?? one.innerText).trim(), seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 }; })()"##,
        );
        if focused.is_null() {
            break;
        }
        assert_eq!(focused["seen"], true, "{focused}");
        names.push(focused["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        names.first().map(String::as_str),
        Some("To the groups"),
        "{names:?}"
    );
    for wanted in [
        "Outbox",
        "Theme: as the system",
        "24 h",
        "1 y",
        "Latest fills",
        "Plugins",
    ] {
        assert!(
            names.iter().any(|name| name == wanted),
            "{wanted}: {names:?}"
        );
    }
    browser.evaluate(r##"document.querySelector("#theme").focus()"##);
    for (text, scheme) in [("Theme: light", "light"), ("Theme: dark", "dark")] {
        browser.press("Enter");
        assert_eq!(browser.text("#theme"), text);
        let is = browser.evaluate("getComputedStyle(document.documentElement).colorScheme");
        assert_eq!(is, scheme);
    }
    browser.evaluate(r##"document.querySelector("[data-hours='8760']").focus()"##);
    browser.press("Space");
    browser.until("a year", r##"document.querySelector("[data-hours='8760']").getAttribute("aria-pressed") === "true""##);
    browser.until(
        "a day a bar",
        r##"document.querySelector("#time figcaption").innerText.includes("1 day")"##,
    );
    browser.assert_quiet(&daemon);
}

/// Where a token is set nothing is shown without it, and with it everything works, the stream as well.
#[test]
fn a_token_is_asked_for_kept_in_the_tab_and_sent_only_as_a_header() {
    let rig = Rig::new();
    rig.edit(
        "listen =",
        "api_token = { env = \"RIG_API_TOKEN\" }\nlisten =",
    );
    let daemon = rig.start_ready();
    let mut browser = Browser::start();
    browser.open(&daemon, DESK);
    browser.until(
        "the sign-in",
        r##"document.querySelector("#sign-in").open"##,
    );
    browser.assert_accessible("sign-in");
    browser.picture("sign-in");
    browser.tell("click", json!({ "selector": "#token" }));
    browser.tell("type", json!({ "text": "not-the-token-of-this-daemon" }));
    browser.press("Enter");
    browser.until(
        "the refusal",
        r##"document.querySelector("#sign-in-wrong").textContent.includes("not the daemon")"##,
    );
    browser.evaluate(r##"document.querySelector("#token").value = """##);
    browser.tell("click", json!({ "selector": "#token" }));
    browser.tell("type", json!({ "text": API_TOKEN }));
    browser.press("Enter");
    browser.until(
        "it is signed in",
        r##"!document.querySelector("#sign-in").open"##,
    );
    browser.until(
        "the stream",
        r##"document.querySelector("#live").dataset.state === "on""##,
    );
    let execution = rig.fill(&rig.place("main", 1));
    let there =
        format!(r##"document.querySelector("#fills tbody tr")?.dataset.fill === {execution:?}"##);
    browser.until("a fill as it comes", &there);
    let kept = browser
        .evaluate("[sessionStorage.length, document.cookie, Object.values(localStorage).join()]");
    assert_eq!(kept, json!([1, "", "auto"]));
    for asked in browser.tell("asked", json!({})).as_array().unwrap() {
        assert!(
            !asked["url"].as_str().unwrap().contains(API_TOKEN),
            "{asked}"
        );
    }
    browser.tell("click", json!({ "selector": "#sign-out" }));
    browser.until(
        "signed out",
        r##"document.querySelector("#sign-in").open && sessionStorage.length === 0"##,
    );
}

/// A dead letter is shown with its reason, and a key sends it again.
#[test]
fn a_message_that_was_given_up_is_sent_again_from_the_page() {
    let rig = Rig::new();
    rig.with_telegram();
    let blocked = Fault::refuse(403, "Forbidden: bot was kicked from the group chat");
    rig.telegram.faults().add(Match::any(), blocked, u32::MAX);
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    let mut browser = Browser::start();
    browser.open(&daemon, DESK);
    let letters = r##"document.querySelectorAll("#outbox .letters li").length"##;
    browser.until("a dead letter", &format!("{letters} > 0"));
    browser.until(
        "the verdict",
        r##"document.querySelector("#verdict-alerts").dataset.state === "bad""##,
    );
    browser.picture("dead-letter");
    rig.telegram.faults().clear();
    let count = browser.evaluate(letters).as_u64().unwrap();
    for _ in 0..count {
        browser.until(
            "a button",
            r##"!document.querySelector("#outbox .letters button")?.disabled"##,
        );
        browser.evaluate(r##"document.querySelector("#outbox .letters button").focus()"##);
        let left = browser.evaluate(letters).as_u64().unwrap();
        browser.press("Enter");
        browser.until("one less", &format!("{letters} < {left}"));
    }
    browser.until(
        "all went out",
        r##"document.querySelector("#verdict-alerts").dataset.state === "good""##,
    );
    eventually("the daemon says so", || {
        let status = daemon.json("/status");
        let outbox = &status["outbox"];
        so(outbox["dead"] == 0 && outbox["pending"] == 0, status)
    });
    browser.assert_quiet(&daemon);
}
