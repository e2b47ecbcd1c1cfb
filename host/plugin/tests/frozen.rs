//! The contract `wit/v1` is frozen: plugins of its first day go on working, and its text says so.
//!
//! Two witnesses, built on the day of the freeze and kept as bytes (`tests/fixtures/frozen/v1`), are
//! asked in every way that the contract has; what they write down must be what they wrote that day. And
//! every item of the text is compared with its shape of that day, so that a failure names the item.
//! Nothing here can be blessed: a contract that plugins were built against is not ours to change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::engine;
use fillsync_core::alert::{
    Alert, AlertAccount, AlertBody, ClosedAlert, CorrectionAlert, Count, DigestAlert,
    DivergenceAlert, DivergenceLeg, ExitAlert, ExitReason, FillAlert, ProgressAlert, Severity,
    SystemAlert,
};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, ChannelName, Currency, GroupName, Symbol};
use fillsync_core::leg::LegState;
use fillsync_core::limits::MessageLimits;
use fillsync_core::message::Rendered;
use fillsync_core::order::PositionSide;
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, View, ViewLeg, ViewMember, ViewSlot};
use fillsync_plugin_host::{CallError, Limits, Loaded, Target};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

const REMEDY: &str = "wit/v1 is frozen: plugins that were built against it are out there. Take the \
     change back. A new fact travels in `attributes`, a new ability is an interface of its own, and \
     what is neither is a new version: see \"Versions\" in wit/README.md and host/plugin/src/contract";

const NOON_US: i64 = 1_763_726_400_000_000;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/frozen/v1"
    ))
    .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap_or_default()
}

/// A witness with its settings, loaded through every stage.
#[track_caller]
fn witness(kind: &str, settings: &str) -> Arc<Loaded> {
    let bytes = std::fs::read(fixture(&format!("{kind}.wasm"))).unwrap();
    let sum = hex::encode(Sha256::digest(&bytes));
    assert!(
        text("README.md").contains(&sum),
        "{kind}.wasm is not the file of the day of the freeze: its SHA-256 is {sum}; restore it"
    );
    engine()
        .load(&bytes, settings, &Limits::default())
        .unwrap_or_else(|rejection| {
            panic!("a {kind} built on the day of the freeze does not load: {rejection}\n{REMEDY}")
        })
}

#[track_caller]
fn compare(what: &str, kept: &str, said: &str) {
    if kept == said {
        return;
    }
    let differs = kept
        .lines()
        .zip(said.lines())
        .find(|(kept, said)| kept != said);
    let (was, is) = differs.unwrap_or(("(another number of lines)", "(another number of lines)"));
    let new = std::env::temp_dir().join(format!("fillsync-{what}.new"));
    std::fs::write(&new, said).unwrap();
    panic!(
        "{what} differs from the day of the freeze.\n  was: {was}\n  is:  {is}\nThe whole of it is in {}.\n{REMEDY}",
        new.display()
    );
}

#[test]
fn a_strategy_of_the_first_day_is_told_what_it_was_told() {
    let (shown, report) = witness("strategy", "").decide(&every_case()).unwrap();
    let mut said = String::new();
    for line in &report.log {
        writeln!(said, "{:?}: {}", line.level, line.message).unwrap();
    }
    for row in &shown {
        writeln!(said, "{row:?}").unwrap();
    }
    assert_eq!(report.log_dropped, 0);
    compare("strategy.txt", &text("strategy.txt"), &said);
}

#[test]
fn a_strategy_of_the_first_day_fails_in_the_ways_it_could() {
    let ask = |answer: &str| {
        witness("strategy", &format!(r#"{{"answer":"{answer}"}}"#)).decide(&every_case())
    };
    assert!(
        matches!(ask("undecided"), Err(CallError::Undecided { reason }) if reason == "as asked")
    );
    let warned = witness("strategy", r#"{"remark":"warning"}"#);
    let remark = warned.remarks().first().unwrap();
    assert_eq!((remark.path.as_str(), remark.is_error), ("/remark", false));
    let bytes = std::fs::read(fixture("strategy.wasm")).unwrap();
    let rejected = |settings: &str| {
        engine()
            .load(&bytes, settings, &Limits::default())
            .unwrap_err()
    };
    let refused = rejected(r#"{"remark":"error"}"#).to_string();
    assert!(
        refused.contains("it refuses /remark: an error was asked for"),
        "{refused}"
    );
    for (answer, words) in [
        ("invalid-view", "it cannot read the view: as asked"),
        ("internal", "it failed: as asked"),
    ] {
        let failed = rejected(&format!(r#"{{"answer":"{answer}"}}"#)).to_string();
        assert!(failed.contains(words), "{failed}");
    }
}

#[test]
fn a_formatter_of_the_first_day_is_told_what_it_was_told() {
    let formatter = witness("formatter", "");
    let mut said = String::new();
    for (index, body) in bodies().into_iter().enumerate() {
        let alert = alert(index, body);
        for (kind, edits) in [("telegram", true), ("discord", false)] {
            let (rendered, _) = formatter.format(&alert, &target(kind, edits)).unwrap();
            writeln!(said, "{} for {kind}: {rendered:?}", alert.kind()).unwrap();
        }
    }
    compare("formatter.txt", &text("formatter.txt"), &said);
}

#[test]
fn a_formatter_of_the_first_day_answers_in_the_ways_it_could() {
    let alert = alert(0, bodies().remove(0));
    let ask = |answer: &str| {
        witness("formatter", &format!(r#"{{"answer":"{answer}"}}"#))
            .format(&alert, &target("webhook", false))
            .map(|(rendered, _)| rendered)
    };
    assert_eq!(
        ask("raw").unwrap(),
        Rendered::Raw {
            channel_kind: "webhook".to_owned(),
            json: r#"{"text":"raw"}"#.to_owned()
        }
    );
    assert!(
        matches!(ask("unsupported"), Err(CallError::Unsupported { reason }) if reason == "as asked")
    );
}

/// The shape of every item, on the day of the freeze and now; and a sentence at every one.
#[test]
fn the_text_of_the_contract_is_that_of_its_first_day() {
    let (said, undocumented) = contract::items();
    assert!(
        undocumented.is_empty(),
        "every item of the contract says what it is; without a word are: {}",
        undocumented.join(", ")
    );
    let kept = text("contract.txt");
    let now: Vec<&str> = said.lines().collect();
    for was in kept.lines() {
        let name = was.split(" = ").next().unwrap();
        let is = now
            .iter()
            .find(|line| line.split(" = ").next() == Some(name));
        match is {
            None => panic!("{name} is gone from wit/v1.\n  was: {was}\n{REMEDY}"),
            Some(is) if *is != was => {
                panic!("{name} of wit/v1 changed.\n  was: {was}\n  is:  {is}\n{REMEDY}")
            }
            Some(_) => {}
        }
    }
    // An interface that did not exist on that day may come; what is in one that did may not.
    let interfaces: Vec<&str> = kept
        .lines()
        .filter_map(|line| line.split('.').next())
        .collect();
    for line in now {
        let name = line.split(" = ").next().unwrap();
        let interface = name.split('.').next().unwrap();
        // The host provides the log, and may learn to do more for plugins that ask for it.
        let may_grow = !interfaces.contains(&interface) || interface == "interface log";
        assert!(
            may_grow
                || kept
                    .lines()
                    .any(|was| was.split(" = ").next() == Some(name)),
            "{name} is new in wit/v1.\n  is:  {line}\n{REMEDY}"
        );
    }
    compare("contract.txt", &kept, &said);
}

mod contract {
    //! The contract's text as one line for each item, in its order.

    use std::fmt::Write as _;
    use wit_parser::{Docs, Resolve, Type, TypeDefKind, TypeId, WorldItem, WorldKey};

    pub(super) fn items() -> (String, Vec<String>) {
        let mut resolve = Resolve::default();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v1");
        let (package, _) = resolve.push_dir(folder).unwrap();
        let mut items = Items {
            resolve: &resolve,
            text: String::new(),
            undocumented: Vec::new(),
        };
        let package = &resolve.packages[package];
        items.put("package", &package.docs, &package.name.to_string());
        for (name, id) in &package.interfaces {
            items.interface(name, &resolve.interfaces[*id]);
        }
        for (name, id) in &package.worlds {
            items.world(name, &resolve.worlds[*id]);
        }
        (items.text, items.undocumented)
    }

    struct Items<'a> {
        resolve: &'a Resolve,
        text: String,
        undocumented: Vec<String>,
    }

    impl Items<'_> {
        fn put(&mut self, name: &str, docs: &Docs, shape: &str) {
            writeln!(self.text, "{name} = {shape}").unwrap();
            self.documented(name, docs);
        }

        fn documented(&mut self, name: &str, docs: &Docs) {
            if docs
                .contents
                .as_deref()
                .unwrap_or_default()
                .trim()
                .is_empty()
            {
                self.undocumented.push(name.to_owned());
            }
        }

        fn interface(&mut self, name: &str, interface: &wit_parser::Interface) {
            self.documented(&format!("interface {name}"), &interface.docs);
            for (item, id) in &interface.types {
                let def = &self.resolve.types[*id];
                // What is used from another interface stands there.
                if let TypeDefKind::Type(_) = def.kind {
                    continue;
                }
                let name = format!("interface {name}.{item}");
                let shape = self.shape(&name, *id);
                self.put(&name, &def.docs.clone(), &shape);
            }
            for (item, function) in &interface.functions {
                let of = |ty: &Type| self.ty(ty);
                let params: Vec<String> = function
                    .params
                    .iter()
                    .map(|param| format!("{}: {}", param.name, of(&param.ty)))
                    .collect();
                let result = function.result.as_ref().map(of).unwrap_or_default();
                let shape = format!("func({}) -> {result}", params.join(", "));
                self.put(&format!("interface {name}.{item}"), &function.docs, &shape);
            }
        }

        fn world(&mut self, name: &str, world: &wit_parser::World) {
            let names = |items: Vec<(&WorldKey, &WorldItem)>| -> Vec<String> {
                items
                    .into_iter()
                    .map(|(key, _)| self.resolve.name_world_key(key))
                    .collect()
            };
            let imports = names(world.imports.iter().collect());
            let exports = names(world.exports.iter().collect());
            let shape = format!(
                "imports {}; exports {}",
                imports.join(", "),
                exports.join(", ")
            );
            self.put(&format!("world {name}"), &world.docs, &shape);
        }

        fn shape(&mut self, name: &str, id: TypeId) -> String {
            let def = self.resolve.types[id].clone();
            let mut parts = Vec::new();
            let kind = match &def.kind {
                TypeDefKind::Record(record) => {
                    for field in &record.fields {
                        self.documented(&format!("{name}.{}", field.name), &field.docs);
                        parts.push(format!("{}: {}", field.name, self.ty(&field.ty)));
                    }
                    "record"
                }
                TypeDefKind::Variant(variant) => {
                    for case in &variant.cases {
                        self.documented(&format!("{name}.{}", case.name), &case.docs);
                        let of = case.ty.as_ref().map(|ty| format!("({})", self.ty(ty)));
                        parts.push(format!("{}{}", case.name, of.unwrap_or_default()));
                    }
                    "variant"
                }
                TypeDefKind::Enum(cases) => {
                    parts.extend(cases.cases.iter().map(|case| case.name.clone()));
                    "enum"
                }
                other => panic!(
                    "{name} is a {}, of which this test does not know yet",
                    other.as_str()
                ),
            };
            format!("{kind} {{ {} }}", parts.join(", "))
        }

        fn ty(&self, ty: &Type) -> String {
            let Type::Id(id) = ty else {
                return format!("{ty:?}").to_lowercase();
            };
            let def = &self.resolve.types[*id];
            if let Some(name) = &def.name {
                return name.clone();
            }
            let optional = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| self.ty(ty));
            match &def.kind {
                TypeDefKind::List(of) => format!("list<{}>", self.ty(of)),
                TypeDefKind::Option(of) => format!("option<{}>", self.ty(of)),
                TypeDefKind::Tuple(tuple) => {
                    let types: Vec<String> = tuple.types.iter().map(|ty| self.ty(ty)).collect();
                    format!("tuple<{}>", types.join(", "))
                }
                TypeDefKind::Result(result) => {
                    format!(
                        "result<{}, {}>",
                        optional(&result.ok),
                        optional(&result.err)
                    )
                }
                other => panic!(
                    "a {} without a name, of which this test does not know yet",
                    other.as_str()
                ),
            }
        }
    }
}

fn at(seconds: i64) -> VenueTime {
    VenueTime::from_us(NOON_US + seconds * 1_000_000)
}

const STATES: [LegState; 9] = [
    LegState::Planned,
    LegState::Open,
    LegState::Partial,
    LegState::Filled,
    LegState::PartialFinal,
    LegState::Cancelled,
    LegState::Rejected,
    LegState::Missing,
    LegState::Unknown,
];

const TRUTHS: [Truth; 11] = [
    Truth::Unfilled,
    Truth::Aligned,
    Truth::Pending,
    Truth::Lagging,
    Truth::Partial,
    Truth::Cancelled,
    Truth::Rejected,
    Truth::Missing,
    Truth::Extra,
    Truth::Unknown,
    Truth::Resolved,
];

/// A view in which every case of every enum is somewhere, and no two numbers are the same.
fn every_case() -> View {
    let matches = [SlotMatch::Token, SlotMatch::Rank, SlotMatch::Manual];
    let slots: Vec<ViewSlot> = (1..=11_u32)
        .map(|ordinal| ViewSlot {
            ordinal,
            reference_price: (ordinal != 3)
                .then(|| Price::parse(&format!("0.22{ordinal:02}")).unwrap()),
            matched_by: matches[ordinal as usize % 3],
            confidence: u8::try_from(100 - ordinal).unwrap(),
        })
        .collect();
    let members = [Role::Main, Role::Mirror, Role::Observer]
        .into_iter()
        .zip(1_u32..)
        .map(|(role, number)| ViewMember {
            account: AccountName::new(format!("account-{number}")).unwrap(),
            role,
            detected: number,
            known: number != 2,
            at_least: number == 2,
            coverage_to: (number != 2).then(|| at(i64::from(number))),
            shown_before: (number == 3).then_some(7),
            legs: (1..=11_u32)
                .filter(|slot| number == 1 || *slot <= 2)
                .map(|slot| ViewLeg {
                    slot,
                    state: STATES[(slot as usize + number as usize) % 9],
                    filled_quantity: Quantity::parse(&format!("{slot}.5")).unwrap(),
                    quantity: Quantity::parse(&format!("{number}{slot}")).unwrap(),
                    counted: slot % 2 == 1,
                    truth: TRUTHS[(slot as usize + number as usize) % 11],
                })
                .collect(),
        })
        .collect();
    View {
        group: GroupName::new("desk").unwrap(),
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        as_of: at(0),
        counts_when: CountsWhen::Touched,
        slots,
        members,
    }
}

fn target(kind: &str, edits: bool) -> Target {
    Target {
        channel: ChannelName::new("ops").unwrap(),
        kind: kind.to_owned(),
        limits: MessageLimits {
            // Written out, so that a receiver's new limit is no change of the contract.
            kind: "any",
            units_max: 4_000,
            bytes_max: 16_000,
            raw: &[("blocks", 50), ("block-text", 3_000)],
        },
        edits,
    }
}

fn alert(index: usize, body: AlertBody) -> Alert {
    let number = u32::try_from(index).unwrap();
    let severity = [Severity::Info, Severity::Warning, Severity::Critical];
    let side = [PositionSide::Long, PositionSide::Short];
    let about_a_group = index % 4 != 3;
    Alert {
        identity: format!("desk/GTCUSDT/{number}"),
        revision: number,
        severity: severity[index % 3],
        group: about_a_group.then(|| GroupName::new("desk").unwrap()),
        symbol: about_a_group.then(|| Symbol::new("GTCUSDT").unwrap()),
        position: about_a_group.then(|| side[index % 2]),
        cycle: about_a_group.then_some(12),
        account: (index % 5 != 4).then(|| account("mirror", Some(Role::Mirror))),
        at: at(i64::from(number)),
        body,
    }
}

fn account(name: &str, role: Option<Role>) -> AlertAccount {
    AlertAccount {
        name: AccountName::new(name).unwrap(),
        role,
    }
}

fn count(detected: u32) -> Count {
    Count {
        detected,
        shown: detected + 1,
        total: detected + 2,
        at_least: detected == 1,
        synchronised: detected != 1,
        note: (detected == 1).then(|| "a note".to_owned()),
    }
}

/// Every kind of body, every reason, both sides.
fn bodies() -> Vec<AlertBody> {
    let price = |text: &str| Price::parse(text).unwrap();
    let quantity = |text: &str| Quantity::parse(text).unwrap();
    let money = |text: &str| Money::parse(text).unwrap();
    let divergence = |first: usize| DivergenceAlert {
        slot: 2,
        reference_price: (first == 0).then(|| price("0.2215")),
        side: Side::Sell,
        legs: TRUTHS
            .iter()
            .skip(first)
            .enumerate()
            .map(|(index, truth)| DivergenceLeg {
                account: account(
                    &format!("account-{index}"),
                    [Some(Role::Main), Some(Role::Observer), None][index % 3],
                ),
                truth: *truth,
                filled_quantity: quantity(&index.to_string()),
                quantity: quantity("150"),
                filled_at: (index % 2 == 0).then(|| at(1)),
                checked_at: (index % 2 == 1).then(|| at(2)),
            })
            .collect(),
        count: count(2),
        since: at(5),
    };
    let mut bodies = vec![
        AlertBody::Fill(FillAlert {
            slot: 2,
            side: Side::Buy,
            price: price("0.2215"),
            quantity: quantity("150"),
            count: count(1),
            own_slots: vec![1, 3],
            truth: Truth::Lagging,
            waiting_for: vec![AccountName::new("main").unwrap()],
            coverage_to: Some(at(3)),
        }),
        AlertBody::Progress(ProgressAlert {
            filled_percent: "66.67".to_owned(),
            previous_percent: "33.33".to_owned(),
            filled_quantity: quantity("300"),
            planned_quantity: quantity("450"),
            side: Side::Sell,
            count: count(2),
        }),
        AlertBody::Closed(ClosedAlert {
            net: Some(money("-1.25")),
            fees: vec![
                (Currency::new("USDT").unwrap(), money("0.02")),
                (Currency::new("BTC").unwrap(), money("-0.00001")),
            ],
            entry_price: Some(price("0.2215")),
            exit_price: None,
            quantity: quantity("450"),
            opened: at(-60),
            count: count(3),
        }),
        AlertBody::Divergence(divergence(0)),
        AlertBody::Resolved(divergence(9)),
        AlertBody::Correction(CorrectionAlert {
            slot: 4,
            side: Side::Sell,
            previous: 3,
            count: count(2),
            reason: "the venue took a fill back".to_owned(),
        }),
        AlertBody::Digest(DigestAlert {
            lines: vec!["one".to_owned(), "two".to_owned()],
            events: 9,
            from: at(-9),
            to: at(9),
        }),
        AlertBody::System(SystemAlert {
            topic: "coverage-gap".to_owned(),
            text: "a gap".to_owned(),
            remedy: Some("wait".to_owned()),
        }),
    ];
    bodies.extend(
        [
            ExitReason::TakeProfit,
            ExitReason::StopLoss,
            ExitReason::TrailingStop,
            ExitReason::Liquidation,
            ExitReason::AutoDeleverage,
            ExitReason::Settlement,
            ExitReason::Close,
        ]
        .into_iter()
        .map(|reason| {
            AlertBody::Exit(ExitAlert {
                reason,
                side: Side::Buy,
                price: price("0.2115"),
                quantity: quantity("450"),
                realised: (reason != ExitReason::Close).then(|| money("4.5")),
            })
        }),
    );
    bodies
}
