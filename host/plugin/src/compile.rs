//! Compiling in a process of its own, so that a component which wants all memory or all time of the
//! compiler costs that process and not the daemon.
//!
//! The daemon starts its own program again with two bounds as arguments, hands it a key and the
//! component through its standard input, and takes the code from its standard output, sealed with that
//! key (`seal.rs`): what was cut off, or came from anything but that child, is no code. The child has
//! no environment, so it has no secret. One child at a time; it puts its bounds on itself before it
//! reads (`bounds.rs`), and is killed when it is late all the same. Deliberately absent: the cache,
//! and whoever decides that a component may be compiled at all.

use crate::bounds::{OUT_OF_TIME, THREADS, bound_this_process};
use crate::error::{Rejection, Stage, one_line};
use crate::limits::{CEILING, bytes};
use crate::loaded::sha256;
use crate::seal::{KEY_BYTES, Proven, Seal};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// The largest compiled component that is taken over; a Python component's has 43 MB.
pub(crate) const CODE_BYTES_MAX: u64 = 256 << 20;
/// A component can be larger than the module that it was made of, by so much.
const WRAPPING_BYTES_MAX: u64 = 1 << 20;
/// What is kept of what a child says on its standard error.
const WORDS_BYTES_MAX: u64 = 4 * 1024;
/// How long after its own bound a child is killed.
const GRACE: Duration = Duration::from_secs(2);

/// What compiling one component may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileBounds {
    /// Address space of the child, in bytes. The largest Python components need some 700 MB.
    pub memory_bytes: u64,
    /// Time by the wall clock; the child may use twice as much of the processor, on two threads.
    pub time: Duration,
}

impl Default for CompileBounds {
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            time: Duration::from_secs(120),
        }
    }
}

/// The program that compiles when it is started with these arguments and the two bounds after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerProcess {
    /// The program.
    pub program: PathBuf,
    /// What makes it compile: it must end in [`compile_in_child`].
    pub arguments: Vec<OsString>,
    /// What one component may cost.
    pub bounds: CompileBounds,
}

/// This very program, even when its file was replaced since it was started; none where the system does
/// not say.
#[must_use]
pub fn running_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Some(running);
    }
    std::env::current_exe().ok()
}

impl CompilerProcess {
    /// Compiles a component in a child, and hands what it proved to be its answer to `take`.
    pub(crate) fn compile<T>(
        &self,
        component: &[u8],
        take: impl FnOnce(&Proven<'_>) -> Result<T, String>,
    ) -> Result<T, Rejection> {
        let ours = |what: &str, error: &dyn std::fmt::Display| {
            Rejection::new(
                Stage::Compile,
                format!("the compiler cannot be started: {what}: {error}"),
            )
            .hint("nothing is wrong with the plugin; look at this machine's memory and processes")
        };
        let seal = Seal::drawn().map_err(|error| ours("no random numbers", &error))?;
        let child = self
            .spawn()
            .map_err(|error| ours(&self.program.display().to_string(), &error))?;
        let answer = self.talk(child, &seal, component)?;
        let proven = seal.open(&sha256(component), &answer).ok_or_else(|| {
            Rejection::new(
                Stage::Compile,
                "the compiler's answer cannot be believed: it is cut off or not its own",
            )
            .hint(
                "put the file there again; if it is so again, look at what is started as fillsync",
            )
        })?;
        take(&proven).map_err(|cause| {
            Rejection::new(
                Stage::Compile,
                format!("what the compiler made cannot be loaded: {cause}"),
            )
        })
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .arg(self.bounds.memory_bytes.to_string())
            .arg(self.bounds.time.as_millis().to_string())
            // No secret of the daemon's environment goes where hostile code is compiled.
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS.to_string())
            // Each arena of the allocator takes address space, which is bounded.
            .env("MALLOC_ARENA_MAX", THREADS.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Hands the component over and takes what comes back, within the time.
    fn talk(&self, mut child: Child, seal: &Seal, component: &[u8]) -> Result<Vec<u8>, Rejection> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (done, ended) = mpsc::channel();
        let (status, answer, words, in_time) = std::thread::scope(|scope| {
            let words = scope.spawn(move || read_some(stderr, WORDS_BYTES_MAX));
            let answer = scope.spawn(move || {
                let answer = read_some(stdout, CODE_BYTES_MAX + KEY_BYTES as u64 * 2);
                // Nobody waits any more when the time is over.
                let _ = done.send(());
                answer
            });
            scope.spawn(move || {
                // A child that ended before it read everything says why by its status.
                if let Some(mut stdin) = stdin {
                    let _ = stdin
                        .write_all(seal.key())
                        .and_then(|()| stdin.write_all(component));
                }
            });
            let in_time = !matches!(
                ended.recv_timeout(self.bounds.time + GRACE),
                Err(RecvTimeoutError::Timeout)
            );
            if !in_time {
                // It may have ended by itself just now.
                let _ = child.kill();
            }
            let status = child.wait();
            (
                status,
                answer.join().unwrap_or_default(),
                words.join().unwrap_or_default(),
                in_time,
            )
        });
        match status {
            Ok(status) if status.success() && in_time => Ok(answer),
            Ok(status) => Err(self.why(status, in_time, &String::from_utf8_lossy(&words))),
            Err(error) => Err(Rejection::new(
                Stage::Compile,
                format!("the compiler cannot be waited for: {error}"),
            )),
        }
    }

    /// What the end of a child means.
    fn why(&self, status: ExitStatus, in_time: bool, words: &str) -> Rejection {
        let late = !in_time || status.code() == Some(OUT_OF_TIME) || is_out_of_processor(status);
        if late {
            return Rejection::new(
                Stage::Compile,
                format!("compiling it took more than {} s", self.bounds.time.as_secs_f64()),
            )
            .hint("a smaller build compiles faster (size-optimised, stripped); daemon.compile_time raises the bound");
        }
        if status.code() == Some(REFUSED) {
            return Rejection::new(Stage::Compile, format!("it cannot be compiled: {words}"))
                .hint("build it again with current tools");
        }
        let wants_memory = words.contains("memory allocation") || words.contains("out of memory");
        if wants_memory {
            return Rejection::new(
                Stage::Compile,
                format!(
                    "compiling it took more than {} of memory",
                    bytes(usize::try_from(self.bounds.memory_bytes).unwrap_or(usize::MAX))
                ),
            )
            .hint("a smaller build needs less (size-optimised, stripped); daemon.compile_memory raises the bound");
        }
        Rejection::new(
            Stage::Compile,
            format!("the compiler died of it ({status}): {words}"),
        )
        .hint("it may need more memory than this machine has (daemon.compile_memory bounds it); a smaller build needs less")
    }
}

#[cfg(unix)]
fn is_out_of_processor(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(libc::SIGXCPU)
}

#[cfg(not(unix))]
fn is_out_of_processor(_status: ExitStatus) -> bool {
    false
}

fn read_some(from: Option<impl Read>, bytes_max: u64) -> Vec<u8> {
    let mut read = Vec::new();
    if let Some(from) = from {
        // What was read before an error is judged by its seal.
        let _ = from.take(bytes_max).read_to_end(&mut read);
    }
    read
}

/// The exit status of a child that read a component which cannot be compiled.
const REFUSED: i32 = 65;

/// The child's side: bounds this process for good, reads a key and a component, and writes the sealed
/// code. The status is what the process must exit with.
pub fn compile_in_child(
    bounds: &CompileBounds,
    mut input: impl Read,
    mut output: impl Write,
    mut errors: impl Write,
) -> u8 {
    let compiled = bound_this_process(bounds)
        .map_err(|error| format!("this process cannot be bounded: {error}"))
        .and_then(|()| {
            let mut key = [0; KEY_BYTES];
            input
                .read_exact(&mut key)
                .map_err(|error| format!("no key: {error}"))?;
            let mut component = Vec::new();
            let most = CEILING.file_bytes as u64 + WRAPPING_BYTES_MAX;
            input
                .take(most)
                .read_to_end(&mut component)
                .map_err(|error| format!("no component: {error}"))?;
            let code = crate::engine::precompile(&component)?;
            Ok((Seal::new(key).header(&sha256(&component), &code), code))
        });
    let done = match compiled {
        Ok((header, code)) => output
            .write_all(&header)
            .and_then(|()| output.write_all(&code))
            .and_then(|()| output.flush())
            .map(|()| 0),
        Err(cause) => {
            // Nobody else could be told that standard error is closed.
            let _ = writeln!(errors, "{}", one_line(&cause));
            Ok(REFUSED.unsigned_abs() as u8)
        }
    };
    done.unwrap_or(1)
}
