-- The outbox learns of digests (several messages told as one) and of messages that are sent again.
-- A CHECK cannot be changed, so the table is made anew; nothing refers to it.

CREATE TABLE outbox_next (
    id          INTEGER PRIMARY KEY,
    alert       INTEGER NOT NULL REFERENCES alert (id),
    identity    TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    channel     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead', 'superseded', 'digested')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER NOT NULL,
    message_id  TEXT,
    sent_text   TEXT,
    last_error  TEXT,
    created_at  INTEGER NOT NULL,
    -- Since when it stands in line: later than created_at where it was sent again.
    queued_at   INTEGER NOT NULL,
    finished_at INTEGER,
    -- The message in which it was told, where that is another one.
    digest      INTEGER,
    CHECK ((state = 'digested') = (digest IS NOT NULL)),
    UNIQUE (identity, channel, revision)
) STRICT;

INSERT INTO outbox_next (id, alert, identity, revision, channel, state, attempts, next_at, message_id, sent_text,
        last_error, created_at, queued_at, finished_at)
    SELECT id, alert, identity, revision, channel, state, attempts, next_at, message_id, sent_text,
        last_error, created_at, created_at, finished_at
    FROM outbox;

DROP TABLE outbox;

ALTER TABLE outbox_next RENAME TO outbox;

CREATE INDEX outbox_waiting ON outbox (channel, id) WHERE state = 'pending';
CREATE INDEX outbox_of_alert ON outbox (alert);

CREATE TRIGGER outbox_sent_stays_sent
BEFORE UPDATE OF state ON outbox WHEN OLD.state = 'sent' AND NEW.state <> 'sent'
BEGIN
    SELECT RAISE(ABORT, 'a message that was sent stays sent');
END;
