-- What lists and plots read, so that a page costs what it shows and not what is stored.

CREATE INDEX count_state_newest ON count_state (moment);
CREATE INDEX divergence_newest ON divergence (first_at);
CREATE INDEX group_cycle_newest ON group_cycle (group_name, opened_at);
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';

-- Fills of each market by the hour of venue time in which they happened. Triggers keep it, not the program,
-- so no way of writing an execution can forget it. An hour without fills has no row.
CREATE TABLE fill_hour (
    hour      INTEGER NOT NULL,
    market_id INTEGER NOT NULL REFERENCES market (id),
    fills     INTEGER NOT NULL,
    PRIMARY KEY (hour, market_id)
) STRICT, WITHOUT ROWID;

INSERT INTO fill_hour (hour, market_id, fills)
SELECT executed_at / 3600000000, market_id, count(*) FROM execution
WHERE class = 'order-fill' AND state = 'live' GROUP BY 1, 2;

CREATE TRIGGER fill_came AFTER INSERT ON execution WHEN NEW.class = 'order-fill' AND NEW.state = 'live'
BEGIN
    INSERT OR IGNORE INTO fill_hour (hour, market_id, fills) VALUES (NEW.executed_at / 3600000000, NEW.market_id, 0);
    UPDATE fill_hour SET fills = fills + 1 WHERE hour = NEW.executed_at / 3600000000 AND market_id = NEW.market_id;
END;

CREATE TRIGGER fill_went AFTER UPDATE OF state ON execution
WHEN NEW.class = 'order-fill' AND OLD.state = 'live' AND NEW.state <> 'live'
BEGIN
    UPDATE fill_hour SET fills = fills - 1 WHERE hour = NEW.executed_at / 3600000000 AND market_id = NEW.market_id;
    DELETE FROM fill_hour WHERE hour = NEW.executed_at / 3600000000 AND market_id = NEW.market_id AND fills = 0;
END;

CREATE TRIGGER fill_is_back AFTER UPDATE OF state ON execution
WHEN NEW.class = 'order-fill' AND OLD.state <> 'live' AND NEW.state = 'live'
BEGIN
    INSERT OR IGNORE INTO fill_hour (hour, market_id, fills) VALUES (NEW.executed_at / 3600000000, NEW.market_id, 0);
    UPDATE fill_hour SET fills = fills + 1 WHERE hour = NEW.executed_at / 3600000000 AND market_id = NEW.market_id;
END;
