//! The calls of WASI that have an answer of their own: clocks, waiting, randomness, output, exit.
//!
//! Everything else is refused by `refusal`, from its type alone.

use super::state::{Output, STEP_NS, Stopped};
use crate::store::Call;
use wasmtime::component::{
    ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceAny, ResourceDynamic,
    ResourceType,
};
use wasmtime::{Result, StoreContextMut};

/// What a plugin may write in one piece, as it is told.
const WRITE_BYTES_MAX: u64 = 64 * 1024;
/// The reps of output streams.
const STANDARD: u32 = 1;
const ERROR: u32 = 2;
/// Pollables carry their moment in milliseconds as their rep, so nothing needs a table.
const NS_PER_MS: u64 = 1_000_000;

/// Names a resource's type to the engine; there is never a value of one.
pub(super) enum Pollable {}
pub(super) enum OutputStream {}
pub(super) enum InputStream {}
pub(super) enum IoError {}

/// What stands for a resource of WASI on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    Pollable,
    OutputStream,
    InputStream,
    IoError,
    /// A resource that can do nothing, by a number of its own.
    Idle(u32),
}

impl Handle {
    pub(super) fn of(path: &str, name: &str, number: u32) -> Self {
        match (path, name) {
            ("io/poll", "pollable") => Self::Pollable,
            ("io/streams", "output-stream") => Self::OutputStream,
            ("io/streams", "input-stream") => Self::InputStream,
            ("io/error", "error") => Self::IoError,
            _ => Self::Idle(number),
        }
    }

    pub(super) fn resource_type(self) -> ResourceType {
        match self {
            Self::Pollable => ResourceType::host::<Pollable>(),
            Self::OutputStream => ResourceType::host::<OutputStream>(),
            Self::InputStream => ResourceType::host::<InputStream>(),
            Self::IoError => ResourceType::host::<IoError>(),
            Self::Idle(number) => ResourceType::host_dynamic(number),
        }
    }

    /// A handle for the plugin to own.
    pub(super) fn hand_out(
        self,
        rep: u32,
        store: &mut StoreContextMut<'_, Call>,
    ) -> Result<ResourceAny> {
        store.data_mut().inert.handed_out()?;
        match self {
            Self::Pollable => Resource::<Pollable>::new_own(rep).try_into_resource_any(store),
            Self::OutputStream => {
                Resource::<OutputStream>::new_own(rep).try_into_resource_any(store)
            }
            Self::InputStream => Resource::<InputStream>::new_own(rep).try_into_resource_any(store),
            Self::IoError => Resource::<IoError>::new_own(rep).try_into_resource_any(store),
            Self::Idle(number) => {
                ResourceDynamic::new_own(rep, number).try_into_resource_any(store)
            }
        }
    }
}

/// The rep of the handle that an interface's function gives: which output stream it is.
pub(super) fn rep(path: &str) -> u32 {
    match path {
        "cli/stdout" => STANDARD,
        "cli/stderr" => ERROR,
        _ => 0,
    }
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(dead_code, reason = "a case of the contract that never happens here")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Written = std::result::Result<(), StreamError>;
type Store<'a> = StoreContextMut<'a, Call>;

/// Defines a function of WASI that has an answer here; says whether it has.
pub(super) fn define(
    target: &mut LinkerInstance<'_, Call>,
    path: &str,
    name: &str,
) -> Result<bool> {
    match path {
        "clocks/monotonic-clock" | "clocks/wall-clock" => clocks(target, path, name),
        "io/poll" => poll(target, name),
        "io/streams" => streams(target, name),
        "random/random" | "random/insecure" | "random/insecure-seed" => random(target, name),
        "cli/exit" => exit(target, name),
        _ => Ok(false),
    }
}

fn clocks(target: &mut LinkerInstance<'_, Call>, path: &str, name: &str) -> Result<bool> {
    let datetime = |(seconds, nanoseconds)| Datetime {
        seconds,
        nanoseconds,
    };
    let step = u32::try_from(STEP_NS).unwrap_or(u32::MAX);
    match (path, name) {
        ("clocks/monotonic-clock", "now") => {
            target.func_wrap(name, |mut store: Store<'_>, (): ()| {
                Ok((called(&mut store)?.inert.monotonic_ns(),))
            })?;
        }
        ("clocks/monotonic-clock", "resolution") => {
            target.func_wrap(name, |mut store: Store<'_>, (): ()| {
                called(&mut store)?;
                Ok((STEP_NS,))
            })?;
        }
        ("clocks/monotonic-clock", "subscribe-instant") => {
            target.func_wrap(name, |mut store: Store<'_>, (moment_ns,): (u64,)| {
                called(&mut store)?;
                Ok((pollable(&mut store, moment_ns)?,))
            })?;
        }
        ("clocks/monotonic-clock", "subscribe-duration") => {
            target.func_wrap(name, |mut store: Store<'_>, (duration_ns,): (u64,)| {
                let moment_ns = called(&mut store)?.inert.in_ns(duration_ns);
                Ok((pollable(&mut store, moment_ns)?,))
            })?;
        }
        ("clocks/wall-clock", "now") => {
            target.func_wrap(name, move |mut store: Store<'_>, (): ()| {
                Ok((datetime(called(&mut store)?.inert.wall()),))
            })?;
        }
        ("clocks/wall-clock", "resolution") => {
            target.func_wrap(name, move |mut store: Store<'_>, (): ()| {
                called(&mut store)?;
                Ok((datetime((0, step)),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn pollable(store: &mut Store<'_>, moment_ns: u64) -> Result<Resource<Pollable>> {
    store.data_mut().inert.handed_out()?;
    let moment_ms = u32::try_from(moment_ns.div_ceil(NS_PER_MS)).unwrap_or(u32::MAX);
    Ok(Resource::new_own(moment_ms))
}

fn moment_ns(pollable: &Resource<Pollable>) -> u64 {
    u64::from(pollable.rep()) * NS_PER_MS
}

fn poll(target: &mut LinkerInstance<'_, Call>, name: &str) -> Result<bool> {
    type OnePollable = (Resource<Pollable>,);
    match name {
        "[method]pollable.ready" => {
            target.func_wrap(name, |mut store: Store<'_>, (one,): OnePollable| {
                Ok((called(&mut store)?.inert.has_come(moment_ns(&one)),))
            })?;
        }
        "[method]pollable.block" => {
            target.func_wrap(name, |mut store: Store<'_>, (one,): OnePollable| {
                called(&mut store)?.inert.wait_until(moment_ns(&one));
                Ok(())
            })?;
        }
        "poll" => {
            target.func_wrap(
                name,
                |mut store: Store<'_>, (all,): (Vec<Resource<Pollable>>,)| {
                    let inert = &mut called(&mut store)?.inert;
                    let Some(first) = all.iter().map(moment_ns).min() else {
                        return Err(Stopped(
                            "it waits for nothing: poll of an empty list".to_owned(),
                        )
                        .into());
                    };
                    inert.wait_until(first);
                    let ready = all.iter().zip(0_u32..);
                    let ready = ready.filter(|(one, _)| inert.has_come(moment_ns(one)));
                    Ok((ready.map(|(_, index)| index).collect::<Vec<u32>>(),))
                },
            )?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn streams(target: &mut LinkerInstance<'_, Call>, name: &str) -> Result<bool> {
    type One = (Resource<OutputStream>,);
    match name {
        "[method]output-stream.check-write" => {
            target.func_wrap(name, |mut store: Store<'_>, (stream,): One| {
                called(&mut store)?;
                let room = output(&stream).map(|_| WRITE_BYTES_MAX);
                Ok((room.ok_or(StreamError::Closed),))
            })?;
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            type Bytes = (Resource<OutputStream>, Vec<u8>);
            target.func_wrap(name, |mut store: Store<'_>, (stream, bytes): Bytes| {
                let call = called(&mut store)?;
                Ok((match output(&stream) {
                    Some(output) => {
                        call.written(output, &bytes);
                        Written::Ok(())
                    }
                    None => Err(StreamError::Closed),
                },))
            })?;
        }
        // Zeros are no text: they count as written.
        "[method]output-stream.write-zeroes"
        | "[method]output-stream.blocking-write-zeroes-and-flush" => {
            type Zeros = (Resource<OutputStream>, u64);
            target.func_wrap(name, |mut store: Store<'_>, (stream, _): Zeros| {
                called(&mut store)?;
                Ok((output(&stream).map(drop).ok_or(StreamError::Closed),))
            })?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            target.func_wrap(name, |mut store: Store<'_>, (stream,): One| {
                called(&mut store)?;
                Ok((output(&stream).map(drop).ok_or(StreamError::Closed),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn output(stream: &Resource<OutputStream>) -> Option<Output> {
    match stream.rep() {
        STANDARD => Some(Output::Standard),
        ERROR => Some(Output::Error),
        _ => None,
    }
}

fn random(target: &mut LinkerInstance<'_, Call>, name: &str) -> Result<bool> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            target.func_wrap(name, |mut store: Store<'_>, (length,): (u64,)| {
                Ok((called(&mut store)?.inert.random(length)?,))
            })?;
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            target.func_wrap(name, |mut store: Store<'_>, (): ()| {
                Ok((called(&mut store)?.inert.random_u64()?,))
            })?;
        }
        "insecure-seed" => {
            target.func_wrap(name, |mut store: Store<'_>, (): ()| {
                let inert = &mut called(&mut store)?.inert;
                Ok(((inert.random_u64()?, inert.random_u64()?),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn exit(target: &mut LinkerInstance<'_, Call>, name: &str) -> Result<bool> {
    let stopped =
        |how: &str| -> Result<()> { Err(Stopped(format!("it called exit ({how})")).into()) };
    match name {
        "exit" => {
            type Status = (std::result::Result<(), ()>,);
            target.func_wrap(name, move |_: Store<'_>, (status,): Status| {
                stopped(if status.is_ok() { "success" } else { "failure" })
            })?;
        }
        "exit-with-code" => {
            target.func_wrap(name, move |_: Store<'_>, (code,): (u8,)| {
                stopped(&format!("status {code}"))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Counts a call and gives what it works on.
pub(super) fn called<'a>(store: &'a mut Store<'_>) -> Result<&'a mut Call> {
    let call = store.data_mut();
    call.inert.called()?;
    Ok(call)
}
