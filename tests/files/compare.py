"""Compares exported files with the ledger, value by value, without any code of fillsync.

The ledger is read with Python's SQLite, the CSV files with Python's csv, the Parquet files with pyarrow and
with DuckDB. Prints how many rows of each table agreed, and the exact sum of the closed trades' results.
"""

import csv
import datetime
import decimal
import json
import pathlib
import sqlite3
import sys

import duckdb
import pyarrow.parquet

database, folder = sys.argv[1], pathlib.Path(sys.argv[2])
ledger = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FLAGS = {"is_maker", "synchronised", "at_least"}

ROWS = """SELECT e.id, executed_at, account, category, symbol, upper(side), quantity, price, fee, fee_currency, execution_id,
    order_id, client_order_id, order_kind, is_maker, lane, entry_cycle, entry_quantity, exit_cycle, exit_quantity,
    realised, source, seen_at {more} FROM execution e JOIN market ON market.id = market_id {where} ORDER BY executed_at, e.id"""
WANTED = {
    "fills": ROWS.format(more="", where="WHERE class = 'order-fill' AND state = 'live'"),
    "executions": ROWS.format(more=", class, state, venue_sequence, raw", where=""),
    "alerts": """SELECT id, at, identity, revision, kind, severity, state, group_name, symbol, json ->> 'position',
        json ->> 'cycle', account, NULL, NULL, created_at FROM alert ORDER BY id DESC""",
    "counts": """SELECT group_name, symbol, side, cycle, account, detected, limit_orders_filled, truth, total, synchronised,
        at_least, note, moment, last_fill_sync_timestamp FROM count_state""",
    "performance": """SELECT closed_at, opened_at, account, category, symbol, lane, ordinal, side, start, NULL, NULL, NULL
        FROM cycle JOIN market ON market.id = market_id WHERE closed_at IS NOT NULL
        ORDER BY closed_at, market_id, lane, ordinal""",
}
# What is text of JSON or made from several columns is compared below, by what is in it.
APART = {"body", "deliveries", "currency", "pnl", "fees"}


def microseconds(moment):
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    span = moment - EPOCH
    return (span.days * 86400 + span.seconds) * 10**6 + span.microseconds


def of_parquet(rows, moments):
    return [{name: microseconds(value) if name in moments else value for name, value in row.items()} for row in rows]


def of_csv(path, kinds):
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        # An empty cell and an empty text differ only by quotes, which csv keeps with this.
        for row in csv.DictReader(file, quoting=csv.QUOTE_NOTNULL) if hasattr(csv, "QUOTE_NOTNULL") else csv.DictReader(file):
            made = {}
            for name, value in row.items():
                if value is None or (value == "" and kinds[name] != "text"):
                    made[name] = None
                elif kinds[name] == "moment":
                    made[name] = microseconds(value)
                elif kinds[name] == "whole":
                    made[name] = int(value)
                elif kinds[name] == "flag":
                    made[name] = value == "true"
                else:
                    made[name] = value
            rows.append(made)
    return rows


def blank(rows):
    """Before Python 3.12 csv cannot tell an empty cell from an empty text."""
    return [{name: None if value == "" else value for name, value in row.items()} for row in rows]


agreed = {}
for what, sql in WANTED.items():
    table = pyarrow.parquet.read_table(folder / f"{what}.parquet")
    kinds = {}
    for field in table.schema:
        kind = str(field.type)
        kinds[field.name] = {"string": "text", "int64": "whole", "bool": "flag", "timestamp[us, tz=UTC]": "moment"}[kind]
    moments = {name for name, kind in kinds.items() if kind == "moment"}
    by_arrow = of_parquet(table.to_pylist(), moments)

    result = duckdb.connect().execute("SET TimeZone = 'UTC'").execute(f"SELECT * FROM read_parquet('{folder / what}.parquet')")
    names = [column[0] for column in result.description]
    by_duck = of_parquet([dict(zip(names, row)) for row in result.fetchall()], moments)
    assert by_arrow == by_duck, f"{what}: pyarrow and DuckDB read different values"

    by_csv = of_csv(folder / f"{what}.csv", kinds)
    assert blank(by_arrow) == blank(by_csv), f"{what}: the CSV file and the Parquet file differ"

    rows = [list(row) for row in ledger.execute(sql)]
    for row in rows:
        for place, name in enumerate(names):
            if name in FLAGS and row[place] is not None:
                row[place] = bool(row[place])
    key = lambda row: json.dumps(row, default=str)
    wanted = [{name: value for name, value in zip(names, row) if name not in APART} for row in rows]
    got = [{name: value for name, value in row.items() if name not in APART} for row in by_arrow]
    if what == "counts":
        wanted, got = sorted(wanted, key=key), sorted(got, key=key)
    assert len(wanted) == len(got), f"{what}: {len(got)} rows in the file, {len(wanted)} in the ledger"
    for want, have in zip(wanted, got):
        assert want == have, f"{what}:\n ledger {want}\n file   {have}"
    agreed[what] = len(got)

    if what == "alerts":
        for row in by_arrow:
            (stored,) = ledger.execute("SELECT json FROM alert WHERE id = ?", [row["id"]]).fetchone()
            assert json.loads(row["body"]).items() <= {**json.loads(stored), "body": None}.items() or json.loads(row["body"]) == json.loads(stored)["body"], row
            sent = ledger.execute("SELECT channel, state, attempts, sent_text FROM outbox WHERE alert = ? ORDER BY channel", [row["id"]])
            told = [(one["channel"], one["state"], one["attempts"], one["text"]) for one in json.loads(row["deliveries"])]
            assert told == sent.fetchall(), row
    if what == "performance":
        total = decimal.Decimal(0)
        sql = "SELECT realised, fees, start FROM cycle JOIN market ON market.id = market_id WHERE closed_at = ? AND account = ? AND symbol = ? AND ordinal = ?"
        for row in by_arrow:
            moment = row["closed_at"]
            realised, fees, start = ledger.execute(sql, [moment, row["account"], row["symbol"], row["cycle"]]).fetchone()
            assert json.loads(row["fees"]) == json.loads(fees), row
            net = decimal.Decimal(realised) - sum(decimal.Decimal(fee) for fee in json.loads(fees).values())
            assert decimal.Decimal(row["pnl"]) == net and start == "flat", row
            total += net
        agreed["total_pnl"] = format(total.normalize(), "f")

print(json.dumps(agreed))
