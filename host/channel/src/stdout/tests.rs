//! Standard output: whole messages with a blank line between them, and honest faults.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::loopback::{name, outgoing, raw};
use fillsync_core::port::{Channel, ChannelError, Receipt};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn messages_are_plain_and_a_blank_line_stands_between_them() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let channel = Stdout::open(name("screen"), written.clone());
    assert_eq!(
        channel.send(&outgoing("A <b>", "1 & 2")).await,
        Ok(Receipt::default())
    );
    channel.send(&outgoing("B", "3")).await.unwrap();
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(text, "A <b>\n1 & 2\n\nB\n3\n\n");
    assert!(!channel.can_edit());
}

#[tokio::test]
async fn a_raw_payload_is_printed_only_when_it_is_for_this_kind() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let channel = Stdout::open(name("screen"), written.clone());
    channel.send(&raw("stdout", " {\"a\": 1}\n")).await.unwrap();
    assert_eq!(written.lock().unwrap().as_slice(), b"{\"a\": 1}\n\n");
    for wrong in [
        raw("slack", "{}"),
        raw("stdout", "{\"a\":"),
        raw("stdout", "\u{1b}[2J"),
    ] {
        let error = channel.send(&wrong).await.unwrap_err();
        assert!(matches!(error, ChannelError::Dead { .. }), "{error:?}");
    }
    assert_eq!(written.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn a_reader_that_has_gone_is_dead_and_a_full_disk_is_tried_again() {
    let channel = |kind| Stdout::open(name("screen"), Arc::new(Mutex::new(Broken(kind))));
    let gone = channel(io::ErrorKind::BrokenPipe)
        .send(&outgoing("A", "1"))
        .await;
    assert!(matches!(gone, Err(ChannelError::Dead { .. })), "{gone:?}");
    let full = channel(io::ErrorKind::StorageFull)
        .send(&outgoing("A", "1"))
        .await;
    assert!(matches!(full, Err(ChannelError::Retry { .. })), "{full:?}");
}

#[tokio::test]
async fn what_is_printed_is_never_edited() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let channel = Stdout::open(name("screen"), written.clone());
    let edited = channel.edit("1", &outgoing("A", "1")).await;
    assert!(
        matches!(edited, Err(ChannelError::Dead { .. })),
        "{edited:?}"
    );
    assert!(written.lock().unwrap().is_empty());
}
