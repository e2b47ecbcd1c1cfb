-- Which cycles changed, so that sums over closed cycles can be kept up instead of made anew. One row for
-- each cycle that was ever stored, under the number of its newest change. Triggers keep it, not the
-- program, so no way of writing a cycle can forget it. A cycle that is gone keeps its row here.
--
-- OR REPLACE fires no delete trigger, but it always fires the insert trigger of the same key.

CREATE TABLE cycle_change (
    change    INTEGER PRIMARY KEY AUTOINCREMENT,
    market_id INTEGER NOT NULL,
    lane      TEXT NOT NULL,
    ordinal   INTEGER NOT NULL,
    UNIQUE (market_id, lane, ordinal)
) STRICT;

INSERT INTO cycle_change (market_id, lane, ordinal)
SELECT market_id, lane, ordinal FROM cycle ORDER BY market_id, lane, ordinal;

CREATE TRIGGER cycle_stored AFTER INSERT ON cycle
BEGIN
    DELETE FROM cycle_change WHERE market_id = NEW.market_id AND lane = NEW.lane AND ordinal = NEW.ordinal;
    INSERT INTO cycle_change (market_id, lane, ordinal) VALUES (NEW.market_id, NEW.lane, NEW.ordinal);
END;

CREATE TRIGGER cycle_updated AFTER UPDATE ON cycle
BEGIN
    DELETE FROM cycle_change WHERE market_id = OLD.market_id AND lane = OLD.lane AND ordinal = OLD.ordinal;
    INSERT INTO cycle_change (market_id, lane, ordinal) VALUES (OLD.market_id, OLD.lane, OLD.ordinal);
    DELETE FROM cycle_change WHERE market_id = NEW.market_id AND lane = NEW.lane AND ordinal = NEW.ordinal;
    INSERT INTO cycle_change (market_id, lane, ordinal) VALUES (NEW.market_id, NEW.lane, NEW.ordinal);
END;

CREATE TRIGGER cycle_removed AFTER DELETE ON cycle
BEGIN
    DELETE FROM cycle_change WHERE market_id = OLD.market_id AND lane = OLD.lane AND ordinal = OLD.ordinal;
    INSERT INTO cycle_change (market_id, lane, ordinal) VALUES (OLD.market_id, OLD.lane, OLD.ordinal);
END;
