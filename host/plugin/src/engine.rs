//! The engine: wasmtime as this daemon configures it, and the clock that stops a call.
//!
//! One engine serves all plugins. What is on is named here, and everything else is off: no threads,
//! no 64-bit memories, no relaxed SIMD, NaNs made canonical, so that an answer depends on nothing but
//! its question (law 4). There is no runtime of WASI in this build: `wasi` answers it from constants.

use crate::cache::{self, CompileCache};
use crate::compile::CompilerProcess;
use crate::contract::v1::bindings::{formatter, strategy};
use crate::embedded::first_party;
use crate::error::{EngineError, Rejection, Stage, one_line};
use crate::file;
use crate::limits::{CEILING, INSTANCES_MAX, MEMORIES_MAX, STACK_BYTES, TABLES_MAX};
use crate::store::Call;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

/// How often the engine looks whether a call has run too long.
pub const TICK: Duration = Duration::from_millis(10);

/// Instances that can exist at once. Calls beyond it fail as the host's fault, and are few: a daemon
/// asks from two threads.
const CALLS_AT_ONCE_MAX: u32 = 16;

/// Compiles and calls plugins. Clones share one engine.
#[derive(Clone)]
pub struct PluginEngine {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    strategy: Linker<Call>,
    formatter: Linker<Call>,
    /// Compiling is heavy on memory, so one at a time.
    compiling: Mutex<()>,
    cache: Option<CompileCache>,
    compiler: Option<CompilerProcess>,
}

impl std::fmt::Debug for PluginEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginEngine")
            .field("cached", &self.inner.cache.is_some())
            .field("compiler", &self.inner.compiler)
            .finish_non_exhaustive()
    }
}

impl PluginEngine {
    /// An engine that compiles every plugin anew, in this process.
    ///
    /// # Errors
    /// When this machine cannot run it.
    pub fn new() -> Result<Self, EngineError> {
        Self::build(None, None)
    }

    /// An engine that keeps compiled code in a folder of its own, which it makes when it is not there,
    /// and compiles in this process.
    ///
    /// # Errors
    /// When this machine cannot run the engine, or the folder cannot be used or is open to others.
    pub fn with_cache(folder: &Path) -> Result<Self, EngineError> {
        Self::open(Some(folder), None)
    }

    /// An engine with a folder for compiled code, or none, and a program that compiles what is not in
    /// this binary, or none to compile it in this process.
    ///
    /// # Errors
    /// When this machine cannot run the engine, or the folder cannot be used or is open to others.
    pub fn open(
        cache: Option<&Path>,
        compiler: Option<CompilerProcess>,
    ) -> Result<Self, EngineError> {
        Self::build(cache.map(CompileCache::open).transpose()?, compiler)
    }

    fn build(
        cache: Option<CompileCache>,
        compiler: Option<CompilerProcess>,
    ) -> Result<Self, EngineError> {
        let engine = Engine::new(&config()).map_err(engine_error)?;
        let mut strategy = Linker::new(&engine);
        strategy::StrategyPlugin::add_to_linker::<_, HasSelf<_>>(&mut strategy, |call| call)
            .map_err(engine_error)?;
        let mut formatter = Linker::new(&engine);
        formatter::FormatterPlugin::add_to_linker::<_, HasSelf<_>>(&mut formatter, |call| call)
            .map_err(engine_error)?;
        start_ticking(&engine)?;
        let inner = Inner {
            engine,
            strategy,
            formatter,
            compiling: Mutex::new(()),
            cache,
            compiler,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Why compiled code could last not be kept or read, for the log; asking takes it.
    #[must_use]
    pub fn cache_trouble(&self) -> Option<String> {
        self.inner.cache.as_ref()?.take_trouble()
    }

    pub(crate) fn wasmtime(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn strategy_linker(&self) -> &Linker<Call> {
        &self.inner.strategy
    }

    pub(crate) fn formatter_linker(&self) -> &Linker<Call> {
        &self.inner.formatter
    }

    /// Machine code for a component: from the cache where it is there and authentic, else compiled.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<Component, Rejection> {
        let Inner {
            engine,
            cache,
            compiler,
            compiling,
            ..
        } = &*self.inner;
        // The lock guards no data, so a panic under it left nothing half done.
        let _one_at_a_time = compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = cache
            .as_ref()
            .and_then(|cache| cache.find(engine, component))
        {
            return Ok(compiled);
        }
        let keep = |code: &[u8]| {
            if let Some(cache) = cache {
                cache.keep(engine, component, code);
            }
        };
        match compiler {
            // What the binary carries was compiled by whoever built it, and is small: a child would
            // make the first start slower and nothing safer.
            Some(compiler) if !is_first_party(component) => compiler.compile(component, |proven| {
                let compiled =
                    cache::revive(engine, proven).map_err(|error| format!("{error:#}"))?;
                keep(proven.code());
                Ok(compiled)
            }),
            _ => self.compile_here(component, keep),
        }
    }

    fn compile_here(&self, component: &[u8], keep: impl Fn(&[u8])) -> Result<Component, Rejection> {
        file::guarded(|| {
            let compiled = Component::new(&self.inner.engine, component)
                .map_err(|error| format!("{error:#}"))?;
            if self.inner.cache.is_some() {
                keep(&compiled.serialize().map_err(|error| format!("{error:#}"))?);
            }
            Ok(compiled)
        })
        .map_err(|cause| Rejection::new(Stage::Compile, format!("it cannot be compiled: {cause}")))
    }
}

fn is_first_party(component: &[u8]) -> bool {
    first_party().iter().any(|plugin| plugin.bytes == component)
}

/// The code of a component, for a process that runs none of it: instances have no pool there, which
/// changes nothing of the code.
pub(crate) fn precompile(component: &[u8]) -> Result<Vec<u8>, String> {
    file::guarded(|| {
        let engine = Engine::new(&code_config()).map_err(|error| format!("{error:#}"))?;
        engine
            .precompile_component(component)
            .map_err(|error| format!("{error:#}"))
    })
}

fn config() -> Config {
    let mut config = code_config();
    allocate(&mut config);
    config
}

/// All that shapes the code, so that one process can compile it for another.
fn code_config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_component_model(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .max_wasm_stack(STACK_BYTES)
        .wasm_backtrace_max_frames(None)
        // Memories are checked by code instead of by guard pages of gigabytes.
        .memory_reservation(CEILING.memory_bytes as u64)
        .memory_guard_size(64 * 1024)
        .memory_may_move(false);
    config
}

/// Instances come from a pool: making one costs a third of what fresh mappings cost. The pool
/// reserves addresses, not memory, and few of them, so that small machines with strict overcommit
/// start as well.
fn allocate(config: &mut Config) {
    let memories = CALLS_AT_ONCE_MAX;
    let instances = CALLS_AT_ONCE_MAX * 8;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS_AT_ONCE_MAX)
        .total_core_instances(instances.max(to_u32(INSTANCES_MAX)))
        .total_memories(memories)
        .total_tables(instances.max(to_u32(TABLES_MAX)))
        .max_core_instances_per_component(to_u32(INSTANCES_MAX))
        .max_memories_per_component(to_u32(MEMORIES_MAX))
        .max_tables_per_component(to_u32(TABLES_MAX))
        .max_memory_size(CEILING.memory_bytes)
        .table_elements(crate::limits::TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(64 * 1024)
        .table_keep_resident(16 * 1024);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Starts the thread that turns time into epochs. It ends by itself when the engine is gone.
fn start_ticking(engine: &Engine) -> Result<(), EngineError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new()
        .name("plugin-ticker".to_owned())
        .spawn(tick)
        .map(drop)
        .map_err(|error| EngineError::Engine {
            cause: format!("no thread for its clock: {error}"),
        })
}

#[allow(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn engine_error(error: wasmtime::Error) -> EngineError {
    EngineError::Engine {
        cause: one_line(&format!("{error:#}")),
    }
}
