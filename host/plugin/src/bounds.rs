//! The bounds that a process which compiles puts on itself, before it reads what it shall compile.
//!
//! A compiler given hostile code can want any amount of memory and time, and no option of it says
//! stop. The operating system does: address space, processor time, no files, no core dump, a lower
//! priority, and the first place when memory runs out. A second module with `unsafe`: its calls take
//! numbers and touch none of our memory.
#![allow(
    unsafe_code,
    reason = "system calls that take numbers; the proof is at each block"
)]

use crate::compile::CompileBounds;
use std::io;
use std::time::Duration;

/// How much more willing to wait than the daemon, in the system's own steps.
const NICENESS: libc::c_int = 10;
/// Threads that compile at once: enough to halve the wait, too few to take a machine over.
pub(crate) const THREADS: u32 = 2;
/// The exit status of a process that ran out of its time.
pub(crate) const OUT_OF_TIME: i32 = 75;

/// Bounds this process, for good. What it may do afterwards is read, compute and write to its pipes.
pub(crate) fn bound_this_process(bounds: &CompileBounds) -> io::Result<()> {
    let seconds = bounds.time.as_secs().max(1);
    limit(libc::RLIMIT_AS, bounds.memory_bytes)?;
    limit(libc::RLIMIT_CPU, seconds.saturating_mul(THREADS.into()))?;
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_FSIZE, 0)?;
    // SAFETY: it takes a number and changes this process's own priority. It answers the new priority,
    // which may be -1; a refusal would leave the priority as it is, which costs nothing but patience.
    let _ = unsafe { libc::nice(NICENESS) };
    // Where there is no such file, the system chooses by itself.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    end_after(bounds.time)
}

/// Ends this process when its time is over, whoever waits for it or not.
fn end_after(time: Duration) -> io::Result<()> {
    std::thread::Builder::new()
        .name("clock".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            std::thread::sleep(time);
            std::process::exit(OUT_OF_TIME);
        })
        .map(drop)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Which = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Which = libc::c_int;

fn limit(which: Which, most: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: most as libc::rlim_t,
        rlim_max: most as libc::rlim_t,
    };
    // SAFETY: it reads the two numbers of a struct that outlives the call, and lowers a bound of this
    // process.
    if unsafe { libc::setrlimit(which, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
