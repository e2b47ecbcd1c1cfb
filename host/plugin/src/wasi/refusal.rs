//! The calls of WASI that have no answer of their own: each is refused by what its type allows.
//!
//! A function that may fail fails with the error that says "not permitted" in its interface's own
//! words; one that lists or finds something finds nothing; one that opens something gives a handle
//! that can do nothing. Where the type has no word for no, the call stops the plugin, and says which
//! call it was.

use super::Handles;
use super::answers::{Handle, called, rep};
use super::state::Stopped;
use crate::store::Call;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{LinkerInstance, Val};
use wasmtime::{Result, StoreContextMut};

/// The errors of WASI's interfaces that say no, the plainest first.
const NO: [&str; 7] = [
    "access-denied",
    "access",
    "not-permitted",
    "HTTP-request-denied",
    "forbidden",
    "closed",
    "unsupported",
];

/// What a refused call gives.
enum Reply {
    Value(Val),
    Handle(Handle, u32),
    Stop(String),
}

/// Defines a function that is refused.
pub(super) fn define(
    target: &mut LinkerInstance<'_, Call>,
    path: &str,
    name: &str,
    function: &ComponentFunc,
    handles: &Handles,
) -> Result<()> {
    let reply = reply(function, path, handles)
        .unwrap_or_else(|| Reply::Stop(format!("it called wasi:{path} {name}: {}", lack(path))));
    target.func_new(name, move |mut store, _, arguments, results| {
        called(&mut store)?;
        for argument in arguments {
            release(&mut store, argument)?;
        }
        let value = match &reply {
            Reply::Value(value) => value.clone(),
            Reply::Handle(handle, rep) => Val::Resource(handle.hand_out(*rep, &mut store)?),
            Reply::Stop(cause) => return Err(Stopped(cause.clone()).into()),
        };
        if let Some(result) = results.first_mut() {
            *result = value;
        }
        Ok(())
    })
}

/// Why not.
fn lack(path: &str) -> &'static str {
    match path.split('/').next() {
        Some("sockets" | "http") => "a plugin has no network",
        Some("filesystem") => "a plugin has no files",
        _ => "a plugin is not given it",
    }
}

fn reply(function: &ComponentFunc, path: &str, handles: &Handles) -> Option<Reply> {
    let mut results = function.results();
    let (Some(result), None) = (results.next(), results.next()) else {
        return None;
    };
    Some(match result {
        Type::Own(resource) => Reply::Handle(handles.find(resource)?, rep(path)),
        Type::List(_) => Reply::Value(Val::List(Vec::new())),
        Type::Option(_) => Reply::Value(Val::Option(None)),
        Type::Bool => Reply::Value(Val::Bool(false)),
        Type::Result(result) => Reply::Value(Val::Result(Err(no(result.err())?))),
        _ => return None,
    })
}

/// The error that says no.
#[allow(
    clippy::option_option,
    reason = "an error may have no value, and then still be one"
)]
fn no(error: Option<Type>) -> Option<Option<Box<Val>>> {
    let named = match error {
        None => return Some(None),
        Some(Type::Enum(error)) => NO
            .into_iter()
            .find(|no| error.names().any(|name| name == *no))
            .map(|no| Val::Enum(no.to_owned())),
        Some(Type::Variant(error)) => NO
            .into_iter()
            .find(|no| {
                error
                    .cases()
                    .any(|case| case.name == *no && case.ty.is_none())
            })
            .map(|no| Val::Variant(no.to_owned(), None)),
        Some(_) => None,
    };
    named.map(|named| Some(Box::new(named)))
}

/// Gives back every handle that came with a call.
fn release(store: &mut StoreContextMut<'_, Call>, value: &Val) -> Result<()> {
    match value {
        Val::Resource(handle) => handle.resource_drop(&mut *store),
        Val::List(values) | Val::Tuple(values) => {
            values.iter().try_for_each(|value| release(store, value))
        }
        Val::Record(fields) => fields
            .iter()
            .try_for_each(|(_, value)| release(store, value)),
        Val::Variant(_, Some(value))
        | Val::Option(Some(value))
        | Val::Result(Ok(Some(value)) | Err(Some(value))) => release(store, value),
        _ => Ok(()),
    }
}
