//! Files that are small to send and large to read: nested, doubled, repeated without end.

use crate::case::{Case, Expect};
use crate::common::handmade::{GOOD, Handmade};
use fillsync_plugin_host::{Limits, Stage};
use std::fmt::Write as _;

pub fn cases() -> Vec<Case> {
    let mut cases = files();
    cases.extend(schemas());
    cases
}

/// Schemas of settings that take without end to check: that is the host's time, not the plugin's.
fn schemas() -> Vec<Case> {
    let bomb = |name, schema: &str, settings: &str, words| Case {
        settings: settings.to_owned(),
        ..Case::of(
            name,
            Handmade { schema, ..GOOD }.module(),
            Expect::Rejected(Stage::Describe, words),
        )
    };
    let mut doubled = r##"{"$ref":"#/$defs/d0","$defs":{"##.to_owned();
    for number in 0..60 {
        let next = number + 1;
        write!(
            doubled,
            r##""d{number}":{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}},"##
        )
        .unwrap();
    }
    doubled.push_str(r#""d60":{"type":"object"}}}"#);
    let deep = format!(
        "{}{}",
        r#"{"not":"#.repeat(5000),
        "{}".to_owned() + &"}".repeat(5000)
    );
    let patterns = format!(
        r#"{{"allOf":[{}]}}"#,
        vec![r#"{"pattern":"((((a{90}){90}){90}){90})"}"#; 1000].join(",")
    );
    let text = format!(r#"{{"a":"{}!"}}"#, "a".repeat(10_000));
    let backtracking = r#"{"properties":{"a":{"pattern":"^(a+)+(a|aa)+$(?!b)"}}}"#;
    vec![
        bomb("schema-that-doubles", &doubled, "", "$ref"),
        bomb("schema-of-itself", r##"{"$ref":"#"}"##, "", "$ref"),
        bomb(
            "schema-from-elsewhere",
            r#"{"$ref":"http://127.0.0.1:1/schema"}"#,
            "",
            "$ref",
        ),
        bomb("schema-five-thousand-deep", &deep, "", "recursion"),
        bomb(
            "schema-of-large-patterns",
            &patterns,
            "",
            "schema cannot be used",
        ),
        bomb(
            "schema-that-backtracks",
            backtracking,
            &text,
            "schema cannot be used",
        ),
    ]
}

fn files() -> Vec<Case> {
    let rejected =
        |name, bytes, stage, words| Case::of(name, bytes, Expect::Rejected(stage, words));
    vec![
        rejected(
            "components-in-components",
            nested(80),
            Stage::Format,
            "nested",
        ),
        rejected("components-in-a-thousand", nested(5000), Stage::Format, ""),
        rejected("types-that-double", doubled(64), Stage::Format, ""),
        rejected("types-a-thousand-deep", deep(1000), Stage::Format, ""),
        rejected("exports-without-end", exports(200_000), Stage::Format, ""),
        rejected(
            "no-plugin-of-ten-thousand-exports",
            exports(10_000),
            Stage::Format,
            "",
        ),
        Case::of(
            "blocks-in-ten-thousand-blocks",
            Handmade {
                fields: &blocks(10_000),
                ..GOOD
            }
            .module(),
            Expect::Answers,
        ),
        Case::of("large-and-empty", padded(24 << 20), Expect::Answers),
        rejected(
            "larger-than-its-limit",
            padded(40 << 20),
            Stage::Size,
            "its limit is 32 MiB",
        ),
        Case {
            limits: Limits {
                memory_bytes: 0,
                ..Limits::default()
            },
            ..rejected("no-limit-at-all", GOOD.module(), Stage::Size, "memory")
        },
    ]
}

fn nested(depth: usize) -> Vec<u8> {
    // Text that deep would be too much for its own reader, so it is made from the inside out.
    let header: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut component = header.to_vec();
    for _ in 0..depth {
        let mut outer = header.to_vec();
        outer.push(4);
        outer.extend(leb(component.len()));
        outer.extend(&component);
        component = outer;
    }
    component
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Each type has two of the one before: two to the power of `times` in the end.
fn doubled(times: usize) -> Vec<u8> {
    let mut text = "(component (type $t0 (tuple u8 u8))".to_owned();
    for number in 0..times {
        write!(
            text,
            "(type $t{} (tuple $t{number} $t{number}))",
            number + 1
        )
        .unwrap();
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

fn deep(times: usize) -> Vec<u8> {
    let mut text = "(component (type $t0 (list u8))".to_owned();
    for number in 0..times {
        write!(text, "(type $t{} (list $t{number}))", number + 1).unwrap();
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

fn exports(count: usize) -> Vec<u8> {
    let mut text = "(component (component $c)".to_owned();
    for number in 0..count {
        write!(text, "(export \"e{number}\" (component $c))").unwrap();
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

/// A function of blocks in blocks, as a field of a module.
fn blocks(depth: usize) -> String {
    format!("(func {} {})", "block ".repeat(depth), "end ".repeat(depth))
}

/// A good plugin with a section of this size that nobody needs.
fn padded(bytes: usize) -> Vec<u8> {
    let mut module = GOOD.module();
    module.push(0);
    let name = b"\x07padding";
    module.extend(leb(bytes + name.len()));
    module.extend(name);
    module.resize(module.len() + bytes, 0);
    module
}
