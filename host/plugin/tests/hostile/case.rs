//! One hostile plugin: its name, its bytes, and what must come of it.

use crate::common::{desk, engine, load, view};
use fillsync_core::view::Role;
use fillsync_plugin_host::{Limits, Stage};
use std::time::{Duration, Instant};

/// As long as any of them may keep its own caller: loading asks some thirty questions, each of which
/// may take its half second, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Case {
    /// As `tests/hostile-plugins/README.md` lists it.
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub settings: String,
    pub limits: Limits,
    pub expect: Expect,
}

/// What must come of a plugin. Words are part of what its author reads; "" is any.
pub enum Expect {
    /// It is not taken, at this stage.
    Rejected(Stage, &'static str),
    /// It is taken, and fails about the group "trouble" with an error of this class.
    Fails(&'static str, &'static str),
    /// It answers about the group "trouble" as about any other.
    Answers,
}

impl Case {
    pub fn of(name: &'static str, bytes: Vec<u8>, expect: Expect) -> Self {
        Self {
            name,
            bytes,
            settings: String::new(),
            // Fuel decides, on a busy machine as well.
            limits: Limits {
                time: Duration::from_secs(10),
                ..Limits::default()
            },
            expect,
        }
    }

    /// Lets it do its worst, and then looks whether everything else is as before.
    pub fn check(&self) {
        let name = self.name;
        let began = Instant::now();
        let loaded = engine().load(&self.bytes, &self.settings, &self.limits);
        match (&self.expect, loaded) {
            (Expect::Rejected(stage, words), Err(rejection)) => {
                assert_eq!(rejection.stage, *stage, "{name}: {rejection}");
                assert!(rejection.cause.contains(words), "{name}: {rejection}");
                assert!(rejection.cause.len() < 3000, "{name}: {rejection}");
            }
            (Expect::Fails(class, words), Ok(plugin)) => {
                let error = plugin.decide(&trouble()).expect_err(name);
                assert_eq!(error.class(), *class, "{name}: {error}");
                assert!(error.to_string().contains(words), "{name}: {error}");
                assert!(error.is_plugins_fault(), "{name}: {error}");
                // The next question has an instance of its own.
                assert_eq!(plugin.decide(&desk(2, 1)).expect(name).0.len(), 2);
            }
            (Expect::Answers, Ok(plugin)) => {
                let first = plugin.decide(&trouble()).expect(name).0;
                assert_eq!(first, plugin.decide(&trouble()).expect(name).0, "{name}");
            }
            (_, Ok(_)) => panic!("{name} was taken"),
            (_, Err(rejection)) => panic!("{name} was not taken: {rejection}"),
        }
        assert!(began.elapsed() < PATIENCE, "{name}: {:?}", began.elapsed());
        let (shown, _) = load("max-count", "").decide(&desk(2, 1)).expect(name);
        assert!(shown.iter().all(|row| row.count == 2), "{name}: {shown:?}");
    }
}

/// The view at which they misbehave.
pub fn trouble() -> fillsync_core::view::View {
    view(
        "trouble",
        &[("main", Role::Main, 2), ("mirror", Role::Mirror, 1)],
    )
}
