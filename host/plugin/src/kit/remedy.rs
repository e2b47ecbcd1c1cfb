//! What an author can do about a call that failed.
//!
//! The error says what happened; this says what to change, in the words of the three languages that
//! the templates are for. The same text stands in the hint of a failed self-test, so the operator
//! who forwards a log line to an author forwards the fix as well.

use crate::error::CallError;
use fillsync_core::view::AnswerError;

/// What to change so that the error does not come again.
#[must_use]
pub fn remedy(error: &CallError) -> String {
    match error {
        CallError::Trapped { cause } => trapped(cause),
        CallError::OutOfFuel { .. } => "look for a loop without an end, or work that grows with the square of members or slots; `fillsync plugin bench` shows what a call uses, and `limits = { fuel = … }` of its [plugin.NAME] gives more".to_owned(),
        CallError::TimedOut { .. } => "look for a loop without an end; `fillsync plugin bench` shows what a call takes, and `limits = { time = \"1s\" }` of its [plugin.NAME] gives more".to_owned(),
        CallError::Memory { .. } => "keep less at once; an interpreter may need more than the default: `limits = { memory = \"128MiB\" }` of its [plugin.NAME] gives more".to_owned(),
        CallError::OutputTooLarge { .. } => "answer with less: a note is one sentence, a message some lines, a log line 1 KiB".to_owned(),
        CallError::Answer(error) => answer(error),
        CallError::Message { .. } => "return at least one span with words, links that begin with https://, and a raw payload only where target.kind is the kind of channel that it is made for (\"unsupported\" everywhere else)".to_owned(),
        CallError::Settings { .. } => "take the same settings at every call: `configure` may depend on nothing but its argument".to_owned(),
        CallError::Kind { wanted, .. } => format!("ask it with a case for its own kind: this one is a {wanted}'s"),
        CallError::Undecided { .. } | CallError::Unsupported { .. } => "nothing: that is an answer; own counts or the host's plain text are used".to_owned(),
        CallError::Failed { .. } => "the words are the plugin's own: look where it returns \"internal\", \"invalid-view\" or \"invalid-alert\", or where it throws".to_owned(),
        CallError::Absent { .. } => "put its file into the plugin folder".to_owned(),
        CallError::SetAside { .. } => "it is tried again by itself; `fillsync plugin list` and the log say why it failed".to_owned(),
        CallError::Host { .. } => "this is not the plugin's fault; look at the host's memory and limits".to_owned(),
    }
}

fn trapped(cause: &str) -> String {
    let what = if cause.contains("stack") {
        "the stack is 512 KiB: look for recursion without an end, or large values on the stack"
    } else if cause.contains("last words") {
        "its last words say where: return an error of the contract (\"undecided\", \"internal\") instead of stopping"
    } else {
        "it left no words; export it with export_strategy! or export_formatter! of the crate fillsync-plugin, which log a panic's text, or catch every exception and return it as \"internal\", as the templates of `fillsync plugin new` do"
    };
    what.to_owned()
}

fn answer(error: &AnswerError) -> String {
    match error {
        AnswerError::Stranger { .. } => {
            "answer for the accounts of view.members, spelled as they are there, and for nobody else".to_owned()
        }
        AnswerError::Twice { .. } => {
            "answer once for each member: walk over view.members, and over nothing else".to_owned()
        }
        AnswerError::Missing { .. } => {
            "answer for every member, observers as well; member.detected is the count where there is nothing else to say".to_owned()
        }
        AnswerError::TooMany { slots, .. } => {
            format!("bound the count by the number of view.slots, which is {slots} here")
        }
    }
}
