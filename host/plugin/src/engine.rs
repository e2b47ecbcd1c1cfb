//! The engine: wasmtime as this daemon configures it, and the clock that stops a call.
//!
//! One engine serves all plugins. What is on is named here, and everything else is off: no threads,
//! no 64-bit memories, no relaxed SIMD, NaNs made canonical, so that an answer depends on nothing but
//! its question (law 4). There is no runtime of WASI in this build: `wasi` answers it from constants.

use crate::cache::CompileCache;
use crate::contract::v1::bindings::{formatter, strategy};
use crate::error::{EngineError, one_line};
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
}

impl std::fmt::Debug for PluginEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginEngine")
            .field("cached", &self.inner.cache.is_some())
            .finish_non_exhaustive()
    }
}

impl PluginEngine {
    /// An engine that compiles every plugin anew.
    ///
    /// # Errors
    /// When this machine cannot run it.
    pub fn new() -> Result<Self, EngineError> {
        Self::build(None)
    }

    /// An engine that keeps compiled code in a folder of its own, which it makes when it is not there.
    ///
    /// # Errors
    /// When this machine cannot run the engine, or the folder cannot be used or is open to others.
    pub fn with_cache(folder: &Path) -> Result<Self, EngineError> {
        Self::build(Some(CompileCache::open(folder)?))
    }

    fn build(cache: Option<CompileCache>) -> Result<Self, EngineError> {
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

    /// Machine code for a component: from the cache where it is there and authentic.
    pub(crate) fn compile(&self, component: &[u8]) -> wasmtime::Result<Component> {
        // The lock guards no data, so a panic under it left nothing half done.
        let _one_at_a_time = self
            .inner
            .compiling
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(cache) = &self.inner.cache else {
            return Component::new(&self.inner.engine, component);
        };
        if let Some(compiled) = cache.find(&self.inner.engine, component) {
            return Ok(compiled);
        }
        let compiled = Component::new(&self.inner.engine, component)?;
        cache.keep(&self.inner.engine, component, &compiled);
        Ok(compiled)
    }
}

fn config() -> Config {
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
        .wasm_backtrace_max_frames(None);
    allocate(&mut config);
    config
}

/// Instances come from a pool: making one costs a third of what fresh mappings cost. The pool
/// reserves addresses, not memory, and few of them, so that small machines with strict overcommit
/// start as well; memories are checked by code instead of by guard pages of gigabytes.
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
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_reservation(CEILING.memory_bytes as u64)
        .memory_guard_size(64 * 1024)
        .memory_may_move(false);
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
