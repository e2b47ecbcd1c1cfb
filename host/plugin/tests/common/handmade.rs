//! Components made by hand, for what no compiler would leave: lies at the binary interface.
//!
//! A strategy in WebAssembly text that shows everybody their own count, with places where a test puts
//! its own instructions. `wit-component` makes a component of it as of any other core module. The
//! layouts of records are those of the component model, for the contract `wit/v1`.

use wit_component::StringEncoding;
use wit_parser::Resolve;

/// What a test may replace in a strategy that is otherwise well.
pub struct Handmade<'a> {
    /// The JSON Schema of its settings.
    pub schema: &'a str,
    /// Further fields of the module.
    pub fields: &'a str,
    /// Its body gives the address of a card; `$card` is a good one.
    pub describe: &'a str,
    /// Its body gives the address of a list of remarks; `$remarks` is an empty one.
    pub configure: &'a str,
    /// What is answered about the group "trouble", given the address `$view`; `$own` gives a good answer.
    pub deed: &'a str,
    /// The whole allocator: from (old, old size, align, size) to an address; `$bump` is a good one.
    pub realloc: &'a str,
    /// What is done when the answer at `$answer` was read; the good ones are at `$well`.
    pub after: &'a str,
    /// The memory, in WebAssembly text.
    pub memory: &'a str,
    /// Further imports, as WIT of a world, with the packages that they come from.
    pub imports: [&'a str; 2],
}

/// A strategy that does nothing wrong.
pub const GOOD: Handmade<'static> = Handmade {
    schema: "{}",
    fields: "",
    describe: "global.get $card",
    configure: "global.get $remarks",
    deed: "(call $own (local.get $view))",
    realloc: "(call $bump (local.get 2) (local.get 3))",
    after: "",
    memory: "(memory (export \"memory\") 5)",
    imports: ["", ""],
};

const TEXTS_AT: u32 = 1024;
const TEXTS: &str = "handmade1.0.0By hand.";
const SCHEMA_AT: u32 = 220_000;

impl Handmade<'_> {
    /// The core module, with its world described in it: what the host takes as a plugin.
    pub fn module(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.text()).unwrap();
        let mut contract = Resolve::default();
        contract
            .push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v1"))
            .unwrap();
        let [imports, packages] = self.imports;
        let wit = format!(
            "package test:handmade;
             world handmade {{ include fillsync:plugin/strategy-plugin@1.0.0; {imports} }}
             {packages}"
        );
        let package = contract.push_str("handmade.wit", &wit).unwrap();
        let world = contract.select_world(&[package], Some("handmade")).unwrap();
        wit_component::embed_component_metadata(
            &mut module,
            &contract,
            world,
            StringEncoding::UTF8,
            false,
        )
        .unwrap();
        module
    }

    fn text(&self) -> String {
        let Self {
            schema,
            fields,
            describe,
            configure,
            deed,
            realloc,
            after,
            memory,
            ..
        } = self;
        let card = card(schema);
        let schema = schema.replace('\\', "\\5c").replace('"', "\\22");
        format!(
            r#"(module
  {fields}
  {memory}
  (global $card i32 (i32.const 2048))
  (global $remarks i32 (i32.const 3072))
  (global $well i32 (i32.const 4096))
  (global $rows i32 (i32.const 8192))
  (global $free (mut i32) (i32.const 65536))
  (data (i32.const {TEXTS_AT}) "{TEXTS}")
  (data (i32.const 2048) "{card}")
  (data (i32.const {SCHEMA_AT}) "{schema}")
  (func $bump (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  ;; Everybody's own count: a row of 24 bytes for each member of 64.
  (func $own (param $view i32) (result i32)
    (local $member i32) (local $row i32) (local $left i32)
    (local.set $member (i32.load offset=52 (local.get $view)))
    (local.set $left (i32.load offset=56 (local.get $view)))
    (local.set $row (global.get $rows))
    (i32.store (global.get $well) (i32.const 0))
    (i32.store offset=4 (global.get $well) (global.get $rows))
    (i32.store offset=8 (global.get $well) (local.get $left))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (i32.store (local.get $row) (i32.load (local.get $member)))
        (i32.store offset=4 (local.get $row) (i32.load offset=4 (local.get $member)))
        (i32.store offset=8 (local.get $row) (i32.load offset=12 (local.get $member)))
        (i32.store8 offset=12 (local.get $row) (i32.const 0))
        (local.set $member (i32.add (local.get $member) (i32.const 64)))
        (local.set $row (i32.add (local.get $row) (i32.const 24)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (global.get $well))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
  (func (export "fillsync:plugin/description@1.0.0#describe") (result i32) {describe})
  (func (export "fillsync:plugin/settings@1.0.0#configure") (param i32 i32) (result i32) {configure})
  (func $asked (param $view i32) (result i32)
    (if (result i32) (i32.eq (i32.load offset=4 (local.get $view)) (i32.const 7))
      (then {deed})
      (else (call $own (local.get $view)))))
  ;; A view comes in pieces; what is needed of it goes where it would be in memory.
  (func (export "fillsync:plugin/strategy@1.0.0#decide")
    (param $group i32) (param $group-length i32) (param i32 i32 i32 i64 i64 i32 i32 i32)
    (param $members i32) (param $count i32) (param i32 i32) (result i32)
    (i32.store offset=4 (i32.const 6144) (local.get $group-length))
    (i32.store offset=52 (i32.const 6144) (local.get $members))
    (i32.store offset=56 (i32.const 6144) (local.get $count))
    (call $asked (i32.const 6144)))
  (func (export "cabi_post_fillsync:plugin/strategy@1.0.0#decide") (param $answer i32) {after})
)"#
        )
    }
}

/// The bytes of a card, escaped for a data segment.
fn card(schema: &str) -> String {
    let text = |found: &str| {
        let at = TEXTS.find(found).unwrap();
        [
            TEXTS_AT + u32::try_from(at).unwrap(),
            u32::try_from(found.len()).unwrap(),
        ]
    };
    let words = [
        text("handmade"),
        text("1.0.0"),
        // The kind, a strategy, and then the summary at 20.
        [0, text("By hand.")[0]],
        [text("By hand.")[1], SCHEMA_AT],
        // And no attributes.
        [u32::try_from(schema.len()).unwrap(), 0],
        [0, 0],
    ];
    let bytes = words.iter().flatten().flat_map(|word| word.to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}
