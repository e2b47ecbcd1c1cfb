-- The ledger, first schema. Later changes are new files; this one never changes once released.
--
-- Amounts are exact decimals in TEXT. Times are INTEGER microseconds since 1970 UTC: *_at in facts is
-- the venue's clock, seen_at, created_at, decided_at, next_at and finished_at are the host's. Views give
-- RFC 3339. JSON stands only where nothing is ever asked of its inside.

CREATE TABLE account (
    name  TEXT PRIMARY KEY,
    venue TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE market (
    id       INTEGER PRIMARY KEY,
    account  TEXT NOT NULL REFERENCES account (name),
    category TEXT NOT NULL,
    symbol   TEXT NOT NULL,
    UNIQUE (account, category, symbol)
) STRICT;

-- One row that a venue reported, stored once (law 2: account, category and symbol stand in market).
-- The columns from lane to realised say what the row did to its book, and are the only ones that change.
CREATE TABLE execution (
    id              INTEGER PRIMARY KEY,
    market_id       INTEGER NOT NULL REFERENCES market (id),
    execution_id    TEXT NOT NULL,
    class           TEXT NOT NULL,
    class_raw       TEXT,
    order_id        TEXT,
    client_order_id TEXT,
    side            TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        TEXT NOT NULL,
    price           TEXT NOT NULL,
    fee             TEXT,
    fee_currency    TEXT,
    is_maker        INTEGER,
    leaves_quantity TEXT,
    closed_quantity TEXT,
    order_kind      TEXT NOT NULL,
    stop            TEXT NOT NULL,
    venue_sequence  INTEGER,
    executed_at     INTEGER NOT NULL,
    seen_at         INTEGER NOT NULL,
    source          TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'superseded', 'busted')),
    revision_of     INTEGER REFERENCES execution (id),
    lane            TEXT NOT NULL,
    entry_cycle     INTEGER,
    entry_quantity  TEXT,
    exit_cycle      INTEGER,
    exit_quantity   TEXT,
    realised        TEXT,
    raw             TEXT NOT NULL,
    UNIQUE (market_id, execution_id)
) STRICT;

CREATE INDEX execution_in_market ON execution (market_id, executed_at);
CREATE INDEX execution_in_time ON execution (executed_at);

CREATE TRIGGER execution_facts_never_change
BEFORE UPDATE OF market_id, execution_id, class, class_raw, order_id, client_order_id, side, quantity, price,
    fee, fee_currency, is_maker, leaves_quantity, closed_quantity, order_kind, stop, venue_sequence,
    executed_at, seen_at, source, raw ON execution
BEGIN
    SELECT RAISE(ABORT, 'the facts of an execution never change');
END;

CREATE TRIGGER execution_is_never_deleted
BEFORE DELETE ON execution
BEGIN
    SELECT RAISE(ABORT, 'an execution is never deleted');
END;

-- A key that came again with other content. The first sighting stays; this is told once.
CREATE TABLE conflict (
    execution INTEGER PRIMARY KEY REFERENCES execution (id),
    raw       TEXT NOT NULL,
    seen_at   INTEGER NOT NULL
) STRICT;

-- Class words that a venue used and that are not known: reported once each (law 14).
CREATE TABLE unknown_class (
    venue   TEXT NOT NULL,
    word    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (venue, word)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    id       INTEGER PRIMARY KEY,
    account  TEXT NOT NULL REFERENCES account (name),
    category TEXT NOT NULL,
    raw_hash TEXT NOT NULL,
    raw      TEXT NOT NULL,
    reason   TEXT NOT NULL,
    seen_at  INTEGER NOT NULL,
    UNIQUE (account, raw_hash)
) STRICT;

CREATE TABLE orders (
    id              INTEGER PRIMARY KEY,
    market_id       INTEGER NOT NULL REFERENCES market (id),
    order_id        TEXT NOT NULL,
    client_order_id TEXT,
    side            TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    lane            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    stop            TEXT NOT NULL,
    reduce_only     INTEGER NOT NULL,
    quantity        TEXT,
    price           TEXT,
    filled_quantity TEXT NOT NULL,
    status          TEXT NOT NULL,
    status_raw      TEXT,
    is_open         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    replaces        TEXT,
    raw             TEXT NOT NULL,
    first_seen_at   INTEGER NOT NULL,
    checked_at      INTEGER NOT NULL,
    UNIQUE (market_id, order_id)
) STRICT;

CREATE INDEX orders_open ON orders (market_id) WHERE is_open = 1;
CREATE INDEX orders_changed ON orders (market_id, updated_at);

-- Orders that the venue was asked for and no longer has, stored or not.
CREATE TABLE order_gone (
    market_id INTEGER NOT NULL REFERENCES market (id),
    order_id  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (market_id, order_id)
) STRICT, WITHOUT ROWID;

-- Orders that have executions but are not stored yet.
CREATE TABLE order_wanted (
    market_id INTEGER NOT NULL REFERENCES market (id),
    order_id  TEXT NOT NULL,
    first_at  INTEGER NOT NULL,
    PRIMARY KEY (market_id, order_id)
) STRICT, WITHOUT ROWID;

-- Every record asks for the newest of them.
CREATE INDEX order_wanted_newest ON order_wanted (first_at DESC, order_id);

CREATE TABLE coverage (
    account  TEXT NOT NULL REFERENCES account (name),
    category TEXT NOT NULL,
    from_at  INTEGER NOT NULL,
    to_at    INTEGER NOT NULL CHECK (to_at > from_at),
    PRIMARY KEY (account, category, from_at)
) STRICT, WITHOUT ROWID;

-- What proved the coverage, in sum, and when the open orders were last listed to the end.
CREATE TABLE traversal (
    account        TEXT NOT NULL REFERENCES account (name),
    category       TEXT NOT NULL,
    traversals     INTEGER NOT NULL DEFAULT 0,
    pages          INTEGER NOT NULL DEFAULT 0,
    rows           INTEGER NOT NULL DEFAULT 0,
    last_seen_at   INTEGER NOT NULL,
    orders_checked INTEGER,
    PRIMARY KEY (account, category)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
    id         INTEGER PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES account (name),
    category   TEXT NOT NULL,
    from_at    INTEGER NOT NULL,
    to_at      INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    retries    INTEGER NOT NULL DEFAULT 0,
    first_seen INTEGER NOT NULL,
    last_tried INTEGER NOT NULL,
    resolved   INTEGER,
    unfillable INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, category, from_at, to_at)
) STRICT;

CREATE INDEX gap_open ON gap (account, category) WHERE resolved IS NULL;

-- That the positions of a category were asked for, and those that were not flat then.
CREATE TABLE anchor (
    account  TEXT NOT NULL REFERENCES account (name),
    category TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (account, category, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE position_anchor (
    account  TEXT NOT NULL,
    category TEXT NOT NULL,
    at       INTEGER NOT NULL,
    symbol   TEXT NOT NULL,
    lane     TEXT NOT NULL,
    quantity TEXT NOT NULL,
    PRIMARY KEY (account, category, at, symbol, lane),
    FOREIGN KEY (account, category, at) REFERENCES anchor (account, category, at) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What a book held when its data begin (signed), where that is not nothing.
CREATE TABLE opening (
    market_id INTEGER NOT NULL REFERENCES market (id),
    lane      TEXT NOT NULL,
    quantity  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (market_id, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE cycle (
    market_id      INTEGER NOT NULL REFERENCES market (id),
    lane           TEXT NOT NULL,
    ordinal        INTEGER NOT NULL,
    side           TEXT NOT NULL CHECK (side IN ('long', 'short')),
    start          TEXT NOT NULL CHECK (start IN ('flat', 'unknown')),
    opened_at      INTEGER NOT NULL,
    closed_at      INTEGER,
    quantity       TEXT NOT NULL,
    quantity_max   TEXT NOT NULL,
    cost           TEXT NOT NULL,
    entry_quantity TEXT NOT NULL,
    entry_value    TEXT NOT NULL,
    exit_quantity  TEXT NOT NULL,
    exit_value     TEXT NOT NULL,
    realised       TEXT NOT NULL,
    fees           TEXT NOT NULL,
    entries        INTEGER NOT NULL,
    exits          INTEGER NOT NULL,
    first_row      TEXT,
    last_row       TEXT,
    PRIMARY KEY (market_id, lane, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX cycle_closed ON cycle (closed_at) WHERE closed_at IS NOT NULL;

-- Markets in which something changed that was not decided upon yet: one row each, under its newest number.
CREATE TABLE mark (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    market_id INTEGER NOT NULL UNIQUE REFERENCES market (id),
    from_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE group_cycle (
    id         INTEGER PRIMARY KEY,
    group_name TEXT NOT NULL,
    symbol     TEXT NOT NULL,
    side       TEXT NOT NULL CHECK (side IN ('long', 'short')),
    ordinal    INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER,
    settled    INTEGER NOT NULL,
    UNIQUE (group_name, symbol, side, ordinal)
) STRICT;

CREATE INDEX group_cycle_unsettled ON group_cycle (group_name, symbol) WHERE settled = 0;

CREATE TABLE group_cycle_member (
    group_cycle INTEGER NOT NULL REFERENCES group_cycle (id) ON DELETE CASCADE,
    market_id   INTEGER NOT NULL REFERENCES market (id),
    lane        TEXT NOT NULL,
    ordinal     INTEGER NOT NULL,
    PRIMARY KEY (group_cycle, market_id, lane, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE decision (
    id              INTEGER PRIMARY KEY,
    group_name      TEXT NOT NULL,
    symbol          TEXT NOT NULL,
    side            TEXT NOT NULL,
    cycle           INTEGER NOT NULL,
    moment          INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    facts_hash      TEXT NOT NULL,
    view_hash       TEXT NOT NULL,
    view_json       TEXT NOT NULL,
    plugin          TEXT NOT NULL,
    plugin_sha256   TEXT,
    settings_sha256 TEXT,
    outcome         TEXT NOT NULL CHECK (outcome IN ('answered', 'fallback', 'none')),
    error           TEXT,
    answer_json     TEXT NOT NULL,
    fuel            INTEGER,
    took_us         INTEGER,
    decided_at      INTEGER NOT NULL,
    UNIQUE (group_name, symbol, side, cycle, moment, revision)
) STRICT;

CREATE TRIGGER decision_never_changes BEFORE UPDATE ON decision
BEGIN
    SELECT RAISE(ABORT, 'a decision never changes; a later one has a higher revision');
END;

CREATE TRIGGER decision_is_never_deleted BEFORE DELETE ON decision
BEGIN
    SELECT RAISE(ABORT, 'a decision is never deleted');
END;

-- The newest count of each account in each group cycle. Detected, shown (limit_orders_filled) and truth
-- are three values, never one.
CREATE TABLE count_state (
    group_name               TEXT NOT NULL,
    symbol                   TEXT NOT NULL,
    side                     TEXT NOT NULL,
    cycle                    INTEGER NOT NULL,
    account                  TEXT NOT NULL,
    detected                 INTEGER NOT NULL,
    limit_orders_filled      INTEGER NOT NULL,
    synchronised             INTEGER NOT NULL,
    note                     TEXT,
    at_least                 INTEGER NOT NULL,
    total                    INTEGER NOT NULL,
    truth                    TEXT NOT NULL,
    moment                   INTEGER NOT NULL,
    last_fill_sync_timestamp INTEGER NOT NULL,
    PRIMARY KEY (group_name, symbol, side, cycle, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE divergence (
    id             INTEGER PRIMARY KEY,
    group_name     TEXT NOT NULL,
    symbol         TEXT NOT NULL,
    side           TEXT NOT NULL,
    cycle          INTEGER NOT NULL,
    slot_key       TEXT NOT NULL,
    account        TEXT NOT NULL,
    truth          TEXT NOT NULL,
    first_at       INTEGER NOT NULL,
    confirmed_at   INTEGER,
    resolved_at    INTEGER,
    alert_identity TEXT,
    UNIQUE (group_name, symbol, side, cycle, slot_key, account, first_at)
) STRICT;

CREATE UNIQUE INDEX divergence_open
    ON divergence (group_name, symbol, side, cycle, slot_key, account) WHERE resolved_at IS NULL;

CREATE TABLE alert (
    id         INTEGER PRIMARY KEY,
    identity   TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    severity   TEXT NOT NULL,
    group_name TEXT,
    symbol     TEXT,
    account    TEXT,
    at         INTEGER NOT NULL,
    json       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('queued', 'suppressed')),
    created_at INTEGER NOT NULL,
    UNIQUE (identity, revision)
) STRICT;

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    alert       INTEGER NOT NULL REFERENCES alert (id),
    identity    TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    channel     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead', 'superseded')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER NOT NULL,
    message_id  TEXT,
    sent_text   TEXT,
    last_error  TEXT,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    UNIQUE (identity, channel, revision)
) STRICT;

CREATE INDEX outbox_waiting ON outbox (channel, id) WHERE state = 'pending';
CREATE INDEX outbox_of_alert ON outbox (alert);

CREATE TRIGGER outbox_sent_stays_sent
BEFORE UPDATE OF state ON outbox WHEN OLD.state = 'sent' AND NEW.state <> 'sent'
BEGIN
    SELECT RAISE(ABORT, 'a message that was sent stays sent');
END;

CREATE TABLE event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    name       TEXT NOT NULL,
    account    TEXT,
    group_name TEXT,
    json       TEXT NOT NULL
) STRICT;

CREATE TABLE plugin_event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    plugin     TEXT NOT NULL,
    stage      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    old_sha256 TEXT,
    new_sha256 TEXT,
    cause      TEXT,
    hint       TEXT
) STRICT;

-- Counts that are kept up with every write, so that nothing has to scan. The scope is an account's
-- name, or empty for the whole ledger.
CREATE TABLE tally (
    name  TEXT NOT NULL,
    scope TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, scope)
) STRICT, WITHOUT ROWID;

-- What people read.
CREATE VIEW fills AS
SELECT
    execution.id AS id,
    strftime('%Y-%m-%dT%H:%M:%S', executed_at / 1000000, 'unixepoch') || printf('.%06dZ', executed_at % 1000000) AS timestamp,
    market.symbol AS symbol,
    side, quantity, price, order_id,
    execution_id AS exec_id,
    market.account AS account,
    market.category AS category,
    fee, fee_currency, is_maker, client_order_id, order_kind, lane,
    entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, executed_at, seen_at
FROM execution JOIN market ON market.id = execution.market_id
WHERE class = 'order-fill' AND state = 'live';

CREATE VIEW counts AS
SELECT
    group_name, symbol, side, cycle, account, detected, limit_orders_filled, synchronised, note, at_least, total, truth,
    strftime('%Y-%m-%dT%H:%M:%S', moment / 1000000, 'unixepoch') || printf('.%06dZ', moment % 1000000) AS moment,
    strftime('%Y-%m-%dT%H:%M:%S', last_fill_sync_timestamp / 1000000, 'unixepoch')
        || printf('.%06dZ', last_fill_sync_timestamp % 1000000) AS last_fill_sync_timestamp
FROM count_state;

CREATE VIEW cycles AS
SELECT
    market.account AS account, market.category AS category, market.symbol AS symbol, lane, ordinal, side, start,
    strftime('%Y-%m-%dT%H:%M:%SZ', opened_at / 1000000, 'unixepoch') AS opened,
    strftime('%Y-%m-%dT%H:%M:%SZ', closed_at / 1000000, 'unixepoch') AS closed,
    quantity, quantity_max, entry_quantity, entry_value, exit_quantity, exit_value, realised, fees
FROM cycle JOIN market ON market.id = cycle.market_id;
