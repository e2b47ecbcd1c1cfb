//! Alerts and targets for native tests of formatters, and the message as plain text.

use crate::Formatter;
use crate::alert::{
    Account, Body, Count, Divergence, DivergenceLeg, Event, Fill, OrderSide, Severity, System,
};
use crate::formatter::{FormatterError, MessageLimits, Rendered, Span, Target};
use crate::types::{PositionSide, Role, Truth};

/// A fill of L2 of three on an account that has seen `detected` and is shown `shown`. The account
/// called "main" is the main one, every other a mirror.
#[must_use]
pub fn fill(account: &str, detected: u32, shown: u32) -> Event {
    let fill = Fill {
        slot: 2,
        side: OrderSide::Sell,
        price: "0.2215".to_owned(),
        quantity: "150".to_owned(),
        count: count(detected, shown),
        own_slots: (1..=detected).collect(),
        truth: Truth::Aligned,
        waiting_for: Vec::new(),
        coverage_to_us: Some(1_763_726_403_000_000),
    };
    alert(account, Body::Fill(fill))
}

/// Main has filled L2, and the account's order is still open.
#[must_use]
pub fn divergence(account: &str) -> Event {
    let leg = |name: &str, truth: Truth, filled: &str| DivergenceLeg {
        account: named(name),
        truth,
        filled_quantity: filled.to_owned(),
        quantity: "150".to_owned(),
        filled_us: (truth == Truth::Aligned).then_some(1_763_726_400_000_000),
        checked_us: Some(1_763_726_431_000_000),
        attributes: Vec::new(),
    };
    let divergence = Divergence {
        slot: 2,
        reference_price: Some("0.2215".to_owned()),
        side: OrderSide::Sell,
        legs: vec![
            leg("main", Truth::Aligned, "150"),
            leg(account, Truth::Lagging, "0"),
        ],
        count: count(1, 2),
        since_us: 1_763_726_400_000_000,
    };
    Event {
        severity: Severity::Warning,
        ..alert(account, Body::Divergence(divergence))
    }
}

/// Something about fillsync itself, of no group and no account.
#[must_use]
pub fn system(topic: &str) -> Event {
    let system = System {
        topic: topic.to_owned(),
        text: "something happened".to_owned(),
        remedy: Some("look at it".to_owned()),
    };
    Event {
        group: None,
        symbol: None,
        position: None,
        cycle: None,
        account: None,
        ..alert("main", Body::System(system))
    }
}

/// Any body as an alert about an account of the group "desk".
#[must_use]
pub fn alert(account: &str, body: Body) -> Event {
    Event {
        identity: format!("desk/GTCUSDT/short/12/L2/{account}"),
        account: Some(named(account)),
        ..event(body)
    }
}

/// Any body as an alert about no account.
#[must_use]
pub fn event(body: Body) -> Event {
    Event {
        identity: "desk/GTCUSDT/short/12".to_owned(),
        revision: 0,
        severity: Severity::Info,
        group: Some("desk".to_owned()),
        symbol: Some("GTCUSDT".to_owned()),
        position: Some(PositionSide::Short),
        cycle: Some(12),
        account: None,
        at_us: 1_763_726_400_000_000,
        body,
        attributes: Vec::new(),
    }
}

/// A channel that takes 4,096 UTF-16 units, without bounds on the parts of a payload.
#[must_use]
pub fn target() -> Target {
    target_of("stdout")
}

/// A channel of a kind: "telegram", "slack", …
#[must_use]
pub fn target_of(kind: &str) -> Target {
    Target {
        channel: "ops".to_owned(),
        kind: kind.to_owned(),
        limits: MessageLimits {
            units_max: 4_096,
            bytes_max: 16_384,
            raw: Vec::new(),
        },
        edits: false,
        attributes: Vec::new(),
    }
}

/// The message that a formatter makes of an alert, as plain text; a raw payload as its JSON.
///
/// # Errors
/// What the formatter gives instead.
pub fn message<F: Formatter>(formatter: &F, event: &Event) -> Result<String, FormatterError> {
    let rich = match formatter.format(event, &target())? {
        Rendered::Raw(raw) => return Ok(raw.json),
        Rendered::Rich(rich) => rich,
    };
    let line = |spans: &Vec<Span>| -> String {
        spans
            .iter()
            .map(|span| match span {
                Span::Text(text) | Span::Bold(text) | Span::Code(text) => text.as_str(),
                Span::Link(link) => link.text.as_str(),
            })
            .collect()
    };
    let lines: Vec<String> = std::iter::once(&rich.title)
        .chain(&rich.lines)
        .map(line)
        .collect();
    Ok(lines.join("\n"))
}

fn named(account: &str) -> Account {
    Account {
        name: account.to_owned(),
        role: Some(if account == "main" {
            Role::Main
        } else {
            Role::Mirror
        }),
    }
}

fn count(detected: u32, shown: u32) -> Count {
    Count {
        detected,
        shown,
        total: 3,
        at_least: false,
        synchronised: true,
        note: None,
    }
}
