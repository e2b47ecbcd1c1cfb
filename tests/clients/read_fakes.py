"""Reads the fake venues with the venues' official clients (pybit, alpaca-py) and prints what was read as JSON.

The promise it keeps: executions, orders and positions that the fakes were told about come back complete through
clients that we did not write, page by page to the end. The caller compares the ids with what was laid down.
Talks only to the base URLs that it is given.
"""

import argparse
import collections
import json
import sys

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.requests import GetOrdersRequest
from pybit.unified_trading import HTTP

WEEK_MS = 7 * 24 * 3_600_000
PAGES_MAX = 1_000


def windows(since_ms, now_ms):
    """Windows of at most seven days from `since_ms` to `now_ms`."""
    start_ms = since_ms
    while start_ms <= now_ms:
        end_ms = min(start_ms + WEEK_MS, now_ms)
        yield start_ms, end_ms
        start_ms = end_ms + 1


def bybit_pages(call, **parameters):
    """Every row of a traversal: until the page is empty, the cursor is empty, or the cursor repeats."""
    seen_cursors = set()
    for _ in range(PAGES_MAX):
        result = call(**parameters)["result"]
        yield from result["list"]
        cursor = result.get("nextPageCursor", "")
        if not result["list"] or not cursor:
            return
        if cursor in seen_cursors:
            raise RuntimeError(f"cursor {cursor} came twice")
        seen_cursors.add(cursor)
        parameters["cursor"] = cursor
    raise RuntimeError(f"no end after {PAGES_MAX} pages")


def read_bybit(arguments):
    session = HTTP(api_key=arguments.bybit_key, api_secret=arguments.bybit_secret)
    session.endpoint = arguments.bybit
    now_ms = int(session.get_server_time()["result"]["timeSecond"]) * 1000 + 999
    key = session.get_api_key_information()["result"]
    executions, history = [], []
    for start_ms, end_ms in windows(arguments.since_ms, now_ms):
        span = {"category": "linear", "startTime": start_ms, "endTime": end_ms}
        executions += bybit_pages(session.get_executions, limit=100, **span)
        history += bybit_pages(session.get_order_history, limit=50, **span)
    open_orders = []
    for coin in ("USDT", "USDC"):
        open_orders += bybit_pages(session.get_open_orders, category="linear", settleCoin=coin, limit=50)
    positions = list(bybit_pages(session.get_positions, category="linear", settleCoin="USDT", limit=200))
    by_order = collections.Counter()
    if executions:
        order_id = executions[0]["orderId"]
        by_order[order_id] = len(list(bybit_pages(session.get_executions, category="linear", orderId=order_id)))
    return {
        "user_id": key["userID"],
        "read_only": key["readOnly"],
        "executions": [row["execId"] for row in executions],
        "execution_types": dict(collections.Counter(row["execType"] for row in executions)),
        "executions_by_order": dict(by_order),
        "closed_orders": [row["orderId"] for row in history],
        "open_orders": [row["orderId"] for row in open_orders],
        "positions": {f"{row['symbol']}/{row['positionIdx']}": f"{row['side']} {row['size']}" for row in positions},
    }


def alpaca_activities(client, page_size):
    """Every fill, newest first, by page tokens until the empty array."""
    rows = []
    parameters = {"page_size": page_size}
    for _ in range(PAGES_MAX):
        page = client.get("/account/activities/FILL", parameters)
        if not page:
            return rows
        rows += page
        parameters["page_token"] = page[-1]["id"]
    raise RuntimeError(f"no end after {PAGES_MAX} pages")


def alpaca_orders(client, status):
    """Every order, newest first, walking with `until` over the submission time."""
    rows, until = {}, None
    for _ in range(PAGES_MAX):
        request = GetOrdersRequest(status=status, limit=50, nested=True, until=until)
        page = client.get_orders(request)
        fresh = [row for row in page if row["id"] not in rows]
        if not fresh:
            return list(rows.values())
        rows.update((row["id"], row) for row in fresh)
        until = page[-1]["submitted_at"]
    raise RuntimeError(f"no end after {PAGES_MAX} pages")


def read_alpaca(arguments):
    client = TradingClient(
        arguments.alpaca_key, arguments.alpaca_secret, url_override=arguments.alpaca, raw_data=True
    )
    activities = alpaca_activities(client, 100)
    orders = alpaca_orders(client, QueryOrderStatus.ALL)
    open_orders = alpaca_orders(client, QueryOrderStatus.OPEN)
    some = orders[0]
    # The typed models of the client must take the fake's rows as well.
    typed = TradingClient(arguments.alpaca_key, arguments.alpaca_secret, url_override=arguments.alpaca)
    typed_orders = typed.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500))
    typed_positions = typed.get_all_positions()
    return {
        "account_status": client.get_account()["status"],
        "is_open": client.get_clock()["is_open"],
        "activities": [row["id"] for row in activities],
        "orders": [row["id"] for row in orders],
        "open_orders": [row["id"] for row in open_orders],
        "same_by_id": client.get_order_by_id(some["id"])["id"] == some["id"],
        "same_by_client_id": client.get_order_by_client_id(some["client_order_id"])["id"] == some["id"],
        "typed_orders": len(typed_orders),
        "typed_positions": len(typed_positions),
        "typed_account": typed.get_account().status.value,
        "positions": {row["symbol"]: row["qty"] for row in client.get_all_positions()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bybit", "bybit-key", "bybit-secret", "alpaca", "alpaca-key", "alpaca-secret"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--since-ms", type=int, required=True, help="start of the history, Unix milliseconds")
    arguments = parser.parse_args()
    json.dump({"bybit": read_bybit(arguments), "alpaca": read_alpaca(arguments)}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
