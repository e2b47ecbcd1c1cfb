//! Reads alerts and the messages that wait.

use crate::codec::{all, count, get, host_time, id, json, one, whole};
use crate::error::LedgerError;
use crate::rows::{AlertFilter, Delivery, OutboxRow, PendingChannel, StoredAlert};
use fillsync_core::alert::Severity;
use fillsync_core::id::{AccountName, ChannelName, GroupName, Symbol};
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, Row, params};

type Read<T> = Result<T, LedgerError>;

pub(crate) fn due(
    connection: &Connection,
    channel: &ChannelName,
    now: HostTime,
) -> Read<Vec<OutboxRow>> {
    let mut rows = waiting(connection, channel, crate::OUTBOX_READ_MAX)?;
    // Nothing overtakes: what stands behind a message that must wait, waits as well.
    let due = rows.iter().take_while(|row| row.next_at <= now).count();
    rows.truncate(due);
    Ok(rows)
}

/// What waits for a channel, in order, whether it may be tried yet or not.
pub(crate) fn waiting(
    connection: &Connection,
    channel: &ChannelName,
    limit: i64,
) -> Read<Vec<OutboxRow>> {
    all(
        connection,
        &format!("{WAITING} ORDER BY outbox.id LIMIT ?2"),
        params![channel.as_str(), limit],
        |row| message(row, channel),
    )
}

/// What may be sent now although the rest is held back: what is severe enough, and edits, which ring
/// nowhere. Nothing while any message of the channel must wait, because it is the receiver who waits.
pub(crate) fn due_in_quiet(
    connection: &Connection,
    channel: &ChannelName,
    now: HostTime,
    least: Option<Severity>,
) -> Read<Vec<OutboxRow>> {
    let blocked = one(
        connection,
        "SELECT 1 FROM outbox WHERE channel = ?1 AND state = 'pending' AND next_at > ?2 LIMIT 1",
        params![channel.as_str(), now.us()],
        |_| Ok(()),
    )?;
    if blocked.is_some() {
        return Ok(Vec::new());
    }
    let loud: Vec<String> = Severity::ALL
        .into_iter()
        .filter(|severity| least.is_some_and(|least| *severity >= least))
        .map(|severity| format!("'{severity}'"))
        .collect();
    all(
        connection,
        &format!(
            "{WAITING} AND (alert.severity IN ({}) OR sent_message IS NOT NULL) ORDER BY outbox.id LIMIT ?2",
            loud.join(", ")
        ),
        params![channel.as_str(), crate::OUTBOX_READ_MAX],
        |row| message(row, channel),
    )
}

/// The messages that wait for channel ?1, with the id of what was sent of the same alert before.
const WAITING: &str = "SELECT outbox.*, alert.json AS json,
         (SELECT sent.message_id FROM outbox AS sent
          WHERE sent.identity = outbox.identity AND sent.channel = outbox.channel AND sent.state = 'sent'
              AND sent.message_id IS NOT NULL
          ORDER BY sent.revision DESC LIMIT 1) AS sent_message
     FROM outbox JOIN alert ON alert.id = outbox.alert
     WHERE channel = ?1 AND outbox.state = 'pending'";

fn message(row: &Row<'_>, channel: &ChannelName) -> Read<OutboxRow> {
    Ok(OutboxRow {
        id: get(row, "id")?,
        channel: channel.clone(),
        alert: json(row, "json")?,
        attempts: count(row, "attempts")?,
        next_at: host_time(row, "next_at")?,
        queued_at: host_time(row, "queued_at")?,
        message_id: get(row, "sent_message")?,
    })
}

pub(crate) fn channels_pending(connection: &Connection) -> Read<Vec<PendingChannel>> {
    all(
        connection,
        "SELECT waiting.channel AS channel, waiting.pending AS pending, outbox.next_at AS next_at,
             outbox.created_at AS created_at
         FROM (SELECT channel, count(*) AS pending, min(id) AS head FROM outbox WHERE state = 'pending' GROUP BY channel)
             AS waiting
         JOIN outbox ON outbox.id = waiting.head ORDER BY waiting.channel",
        [],
        |row| {
            Ok(PendingChannel {
                channel: id(row, "channel")?,
                pending: count(row, "pending")?,
                next_at: host_time(row, "next_at")?,
                oldest_at: host_time(row, "created_at")?,
            })
        },
    )
}

pub(crate) fn message_id(
    connection: &Connection,
    identity: &str,
    channel: &ChannelName,
) -> Read<Option<String>> {
    one(
        connection,
        "SELECT message_id FROM outbox WHERE identity = ?1 AND channel = ?2 AND state = 'sent' AND message_id IS NOT NULL
         ORDER BY revision DESC LIMIT 1",
        params![identity, channel.as_str()],
        |row| get(row, "message_id"),
    )
}

pub(crate) fn alerts(
    connection: &Connection,
    filter: &AlertFilter,
    limit: u32,
) -> Read<Vec<StoredAlert>> {
    let mut found = all(
        connection,
        "SELECT id, json, state, created_at FROM alert
         WHERE (?1 IS NULL OR group_name = ?1) AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR symbol = ?3)
             AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR identity = ?5) AND (?6 IS NULL OR id < ?6)
             AND (?8 IS NULL OR json_extract(json, '$.position') = ?8 AND json_extract(json, '$.cycle') = ?9)
             AND at >= ?10 AND at < ?11
         ORDER BY id DESC LIMIT ?7",
        params![
            filter.group.as_ref().map(GroupName::as_str),
            filter.account.as_ref().map(AccountName::as_str),
            filter.symbol.as_ref().map(Symbol::as_str),
            filter.kind,
            filter.identity,
            filter.before_id,
            limit,
            filter.cycle.map(|(side, _)| side.as_str()),
            filter.cycle.map(|(_, ordinal)| whole(ordinal)).transpose()?,
            filter.from.map_or(i64::MIN, VenueTime::us),
            filter.to.map_or(i64::MAX, VenueTime::us),
        ],
        |row| {
            Ok(StoredAlert {
                id: get(row, "id")?,
                alert: json(row, "json")?,
                suppressed: get::<String>(row, "state")? == "suppressed",
                created_at: host_time(row, "created_at")?,
                deliveries: Vec::new(),
            })
        },
    )?;
    for alert in &mut found {
        alert.deliveries = deliveries(connection, alert.id)?;
    }
    Ok(found)
}

fn deliveries(connection: &Connection, alert: i64) -> Read<Vec<Delivery>> {
    all(
        connection,
        "SELECT channel, state, attempts, sent_text, last_error, finished_at FROM outbox WHERE alert = ?1 ORDER BY channel",
        params![alert],
        |row| {
            Ok(Delivery {
                channel: id(row, "channel")?,
                state: get(row, "state")?,
                attempts: count(row, "attempts")?,
                sent_text: get(row, "sent_text")?,
                last_error: get(row, "last_error")?,
                finished_at: get::<Option<i64>>(row, "finished_at")?.map(HostTime::from_us),
            })
        },
    )
}
