//! Routing: who is told of what, wish by wish.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use fillsync_core::alert::{
    AlertAccount, CorrectionAlert, Count, DivergenceAlert, DivergenceLeg, SystemAlert,
};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::Side;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;

fn route() -> Route {
    Route {
        channel: ChannelName::new("ops").unwrap(),
        formatter: PluginName::new("plain").unwrap(),
        kinds: AlertKind::ALL.into_iter().collect(),
        groups: None,
        accounts: None,
        symbols: None,
        severity: Severity::Info,
        can_edit: false,
    }
}

fn account(name: &str) -> AlertAccount {
    AlertAccount {
        name: AccountName::new(name).unwrap(),
        role: None,
    }
}

fn only<T: Ord>(name: T) -> Option<BTreeSet<T>> {
    Some(BTreeSet::from([name]))
}

fn alert(severity: Severity, body: AlertBody) -> Alert {
    Alert {
        identity: "x".to_owned(),
        revision: 0,
        severity,
        group: Some(GroupName::new("desk").unwrap()),
        symbol: Some(Symbol::new("GTCUSDT").unwrap()),
        position: None,
        cycle: None,
        account: Some(account("main")),
        at: VenueTime::EPOCH,
        body,
    }
}

fn notice(severity: Severity) -> Alert {
    Alert {
        group: None,
        symbol: None,
        account: None,
        ..alert(
            severity,
            AlertBody::System(SystemAlert {
                topic: "test".to_owned(),
                text: String::new(),
                remedy: None,
            }),
        )
    }
}

fn count() -> Count {
    Count {
        detected: 1,
        shown: 2,
        total: 3,
        at_least: false,
        synchronised: true,
        note: None,
    }
}

fn divergence() -> DivergenceAlert {
    let leg = |name: &str| DivergenceLeg {
        account: account(name),
        truth: Truth::Lagging,
        filled_quantity: Quantity::parse("0").unwrap(),
        quantity: Quantity::parse("1").unwrap(),
        filled_at: None,
        checked_at: None,
    };
    DivergenceAlert {
        slot: 1,
        reference_price: None,
        side: Side::Sell,
        legs: vec![leg("main"), leg("mirror")],
        count: count(),
        since: VenueTime::EPOCH,
    }
}

fn correction() -> Alert {
    alert(
        Severity::Warning,
        AlertBody::Correction(CorrectionAlert {
            slot: 1,
            side: Side::Sell,
            previous: 1,
            count: count(),
            reason: String::new(),
        }),
    )
}

#[test]
fn every_wish_must_fit_and_none_takes_all() {
    let fill = correction();
    assert!(route().takes(&fill));
    for (groups, symbols, accounts, takes) in [
        ("desk", "GTCUSDT", "main", true),
        ("other", "GTCUSDT", "main", false),
        ("desk", "ARBUSDT", "main", false),
        ("desk", "GTCUSDT", "mirror", false),
    ] {
        let route = Route {
            groups: only(GroupName::new(groups).unwrap()),
            symbols: only(Symbol::new(symbols).unwrap()),
            accounts: only(AccountName::new(accounts).unwrap()),
            ..route()
        };
        assert_eq!(route.takes(&fill), takes, "{groups} {symbols} {accounts}");
        // What is about fillsync itself is about no group, symbol or account: it fits.
        assert!(route.takes(&notice(Severity::Info)));
    }
}

#[test]
fn a_divergence_is_about_every_account_that_it_names() {
    let route = Route {
        accounts: only(AccountName::new("mirror").unwrap()),
        ..route()
    };
    assert!(route.takes(&alert(
        Severity::Critical,
        AlertBody::Divergence(divergence())
    )));
    assert!(route.takes(&alert(Severity::Info, AlertBody::Resolved(divergence()))));
    assert!(!route.takes(&correction()), "that is main's alone");
}

#[test]
fn nobody_is_told_only_one_half() {
    let severe = Route {
        severity: Severity::Critical,
        ..route()
    };
    assert!(severe.takes(&alert(
        Severity::Critical,
        AlertBody::Divergence(divergence())
    )));
    // The end of a divergence is of severity "info", and still told to whoever knows of its beginning.
    assert!(severe.takes(&alert(Severity::Info, AlertBody::Resolved(divergence()))));
    let warned = Route {
        severity: Severity::Warning,
        ..route()
    };
    // Whoever was not told of a fill is not told that its count was another.
    assert!(!warned.takes(&correction()));
    assert!(warned.takes(&notice(Severity::Warning)) && !warned.takes(&notice(Severity::Info)));
    assert!(!severe.takes(&notice(Severity::Warning)));
}

#[test]
fn who_takes_fills_takes_their_corrections() {
    let mut route = route();
    route.kinds = BTreeSet::from([AlertKind::Fill]);
    assert!(route.takes(&correction()));
    route.kinds = BTreeSet::from([AlertKind::Exit]);
    assert!(!route.takes(&correction()));
}
