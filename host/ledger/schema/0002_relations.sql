-- Rows that speak about other rows, and orders that filled more than rows show.

-- What a row means for others: 'own' nothing; 'corrects' and 'busts' name the other row by its execution
-- id in relates_to; 'stands-in' is made from the venue's sum of an order, for its part from stands_from to
-- stands_to, whose value up to stands_to is stands_value. Told once: a row without a relation may turn out
-- to have one, nothing else changes.
ALTER TABLE execution ADD COLUMN relation TEXT NOT NULL DEFAULT 'own'
    CHECK (relation IN ('own', 'corrects', 'busts', 'stands-in'));
ALTER TABLE execution ADD COLUMN relates_to TEXT;
ALTER TABLE execution ADD COLUMN stands_from TEXT;
ALTER TABLE execution ADD COLUMN stands_to TEXT;
ALTER TABLE execution ADD COLUMN stands_value TEXT;

CREATE INDEX execution_related ON execution (market_id, relates_to) WHERE relates_to IS NOT NULL;
CREATE INDEX execution_standing_in ON execution (market_id, order_id) WHERE stands_to IS NOT NULL;

-- To find the rows of one order among those of its time. An index by order would cost every insert a page
-- of its own, because order ids are random.
DROP INDEX execution_in_market;
CREATE INDEX execution_in_market ON execution (market_id, executed_at, order_id);

CREATE TRIGGER execution_relation_is_told_once
BEFORE UPDATE OF relation, relates_to, stands_from, stands_to, stands_value ON execution WHEN OLD.relation <> 'own'
BEGIN
    SELECT RAISE(ABORT, 'what an execution says of another one never changes');
END;

ALTER TABLE orders ADD COLUMN average_price TEXT;

-- Orders whose sum, as the venue gives it, is more than rows and stand-ins show, with what these show. Kept
-- up with every write.
CREATE TABLE order_ahead (
    market_id INTEGER NOT NULL REFERENCES market (id),
    order_id  TEXT NOT NULL,
    shown     TEXT NOT NULL,
    PRIMARY KEY (market_id, order_id)
) STRICT, WITHOUT ROWID;

-- Up to when every order is known, also one that came and ended between two readings of the open ones: both
-- the open and the ended orders were read to the end after it, in that order. Only where a claim needed it.
ALTER TABLE traversal ADD COLUMN closed_checked INTEGER;

-- The view tells which rows are no venue rows, and which one they took the place of.
DROP VIEW fills;
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
    entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, executed_at, seen_at, source, relation, relates_to
FROM execution JOIN market ON market.id = execution.market_id
WHERE class = 'order-fill' AND state = 'live';
