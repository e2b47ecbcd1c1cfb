//! Plugins that lie at the binary interface: pointers, lengths, encodings and cases that cannot be.

use crate::case::{Case, Expect};
use crate::common::handmade::{GOOD, Handmade};
use fillsync_plugin_host::Stage;

/// Gives an answer whose list of rows is this.
macro_rules! rows {
    ($at:literal, $count:literal) => {
        concat!(
            "(drop (call $own (local.get $view)))",
            "(i32.store offset=4 (global.get $well) (i32.const ",
            $at,
            ")) (i32.store offset=8 (global.get $well) (i32.const ",
            $count,
            ")) (global.get $well)"
        )
    };
}

/// Gives a good answer, but for the first row's account, which is these bytes.
macro_rules! account {
    ($at:literal, $length:literal) => {
        concat!(
            "(drop (call $own (local.get $view)))",
            "(i32.store (global.get $rows) (i32.const ",
            $at,
            ")) (i32.store offset=4 (global.get $rows) (i32.const ",
            $length,
            ")) (global.get $well)"
        )
    };
}

/// What is asked about the group "trouble".
fn deed(name: &'static str, deed: &'static str, class: &'static str) -> Case {
    Case::of(
        name,
        Handmade { deed, ..GOOD }.module(),
        Expect::Fails(class, ""),
    )
}

fn rejected(name: &'static str, plugin: &Handmade<'_>, stage: Stage, words: &'static str) -> Case {
    Case::of(name, plugin.module(), Expect::Rejected(stage, words))
}

pub fn cases() -> Vec<Case> {
    let mut cases = answers();
    cases.extend(allocators());
    cases.extend(starts());
    cases
}

fn answers() -> Vec<Case> {
    vec![
        Case::of("well-behaved", GOOD.module(), Expect::Answers),
        deed("answer-out-of-range", "(i32.const -16)", "trapped"),
        deed("answer-misaligned", "(i32.const 4097)", "trapped"),
        deed("list-out-of-range", rows!("8192", "1000000"), "trapped"),
        deed("list-length-of-four-billion", rows!("8192", "-1"), "trapped"),
        deed("list-misaligned", rows!("8193", "2"), "trapped"),
        deed("string-out-of-range", account!("-2", "9"), "trapped"),
        deed(
            "invalid-utf-8",
            concat!(
                "(i32.store16 (i32.const 12288) (i32.const 0xffff))",
                "(drop (call $own (local.get $view)))",
                "(i32.store (global.get $rows) (i32.const 12288))",
                "(i32.store offset=4 (global.get $rows) (i32.const 2)) (global.get $well)"
            ),
            "trapped",
        ),
        deed(
            "case-that-is-none",
            "(drop (call $own (local.get $view))) (i32.store8 (global.get $well) (i32.const 9)) (global.get $well)",
            "trapped",
        ),
        // A list of rows that are all the same bytes: small in the plugin, large in the host.
        Case::of(
            "list-that-grows-in-the-host",
            Handmade {
                fields: "(global $row (mut i32) (i32.const 196608))",
                deed: concat!(
                    "(loop $next (i32.store (global.get $row) (i32.const 131072))",
                    "(i32.store offset=4 (global.get $row) (i32.const 50000))",
                    "(global.set $row (i32.add (global.get $row) (i32.const 24)))",
                    "(br_if $next (i32.lt_u (global.get $row) (i32.const 244608))))",
                    rows!("196608", "2000")
                ),
                ..GOOD
            }
            .module(),
            Expect::Fails("output-too-large", ""),
        ),
        rejected(
            "kind-that-is-none",
            &Handmade {
                describe: "(i32.store8 (i32.const 2064) (i32.const 7)) global.get $card",
                ..GOOD
            },
            Stage::Describe,
            "trapped",
        ),
        rejected(
            "card-of-another-kind",
            &Handmade {
                describe: "(i32.store8 (i32.const 2064) (i32.const 1)) global.get $card",
                ..GOOD
            },
            Stage::Describe,
            "it says it is a formatter",
        ),
        // Nothing of one call is left for the next: the mark that the first leaves is never found.
        Case::of(
            "card-that-would-change",
            Handmade {
                describe: "(if (i32.load (i32.const 200000)) (then (i32.store8 (i32.const 2064) (i32.const 1)))) \
                           (i32.store (i32.const 200000) (i32.const 1)) global.get $card",
                deed: "(if (i32.load (i32.const 200004)) (then unreachable)) \
                       (i32.store (i32.const 200004) (i32.const 1)) (call $own (local.get $view))",
                ..GOOD
            }
            .module(),
            Expect::Answers,
        ),
        Case::of(
            "trap-after-the-answer",
            Handmade {
                deed: "(drop (call $own (local.get $view))) (i32.store (i32.const 16384) (i32.const 1)) (global.get $well)",
                after: "(if (i32.load (i32.const 16384)) (then unreachable))",
                ..GOOD
            }
            .module(),
            Expect::Fails("trapped", "unreachable"),
        ),
        Case::of(
            "loop-after-the-answer",
            Handmade {
                deed: "(drop (call $own (local.get $view))) (i32.store (i32.const 16384) (i32.const 1)) (global.get $well)",
                after: "(if (i32.load (i32.const 16384)) (then (loop $ever (br $ever))))",
                ..GOOD
            }
            .module(),
            Expect::Fails("out-of-fuel", ""),
        ),
    ]
}

/// The host writes a question where the plugin's allocator says.
fn allocators() -> Vec<Case> {
    let realloc = |name, realloc, words| {
        rejected(name, &Handmade { realloc, ..GOOD }, Stage::Configure, words)
    };
    vec![
        realloc("allocator-out-of-range", "i32.const -8", "trapped"),
        realloc("allocator-that-traps", "unreachable", "unreachable"),
        realloc(
            "allocator-that-loops",
            "(loop $ever (br $ever)) i32.const 0",
            "fuel",
        ),
        rejected(
            "allocator-misaligned",
            &Handmade {
                realloc: "(i32.add (i32.const 1) (call $bump (local.get 2) (local.get 3)))",
                ..GOOD
            },
            Stage::SelfTest,
            "trapped",
        ),
        // Everything that the host writes lands on one place: the plugin hurts its own question only.
        rejected(
            "allocator-that-gives-one-place",
            &Handmade {
                realloc: "i32.const 65536",
                ..GOOD
            },
            Stage::SelfTest,
            "",
        ),
    ]
}

fn starts() -> Vec<Case> {
    vec![
        rejected(
            "start-that-loops",
            &Handmade {
                fields: "(func $begin (loop $ever (br $ever))) (start $begin)",
                ..GOOD
            },
            Stage::Describe,
            "fuel",
        ),
        rejected(
            "start-that-traps",
            &Handmade {
                fields: "(func $begin unreachable) (start $begin)",
                ..GOOD
            },
            Stage::Describe,
            "unreachable",
        ),
        rejected(
            "start-that-takes-all-memory",
            &Handmade {
                fields: "(func $begin (loop $ever (drop (memory.grow (i32.const 256))) (br $ever))) (start $begin)",
                ..GOOD
            },
            Stage::Instantiate,
            "its limit is 64 MiB",
        ),
        rejected(
            "memory-of-four-gigabytes",
            &Handmade {
                memory: "(memory (export \"memory\") 65536)",
                ..GOOD
            },
            Stage::Compile,
            "memory",
        ),
        rejected(
            "table-of-ten-million",
            &Handmade {
                fields: "(table 10000000 funcref)",
                ..GOOD
            },
            Stage::Compile,
            "table",
        ),
        deed_of_tables(),
        rejected(
            "data-out-of-range",
            &Handmade {
                fields: "(data (i32.const 2147483647) \"x\")",
                ..GOOD
            },
            Stage::Describe,
            "out of bounds",
        ),
        rejected(
            "a-hundred-tables",
            &Handmade {
                fields: &"(table 1 funcref)".repeat(100),
                ..GOOD
            },
            Stage::Compile,
            "table",
        ),
    ]
}

/// A table that grows until it may not, and then for ever.
fn deed_of_tables() -> Case {
    Case::of(
        "table-bomb",
        Handmade {
            fields: "(table $t 1 funcref)",
            deed: "(loop $ever (drop (table.grow $t (ref.null func) (i32.const 50000))) (br $ever)) i32.const 0",
            ..GOOD
        }
        .module(),
        Expect::Fails("out-of-fuel", ""),
    )
}
