"""Unit tests on this machine: `.venv/bin/python -m unittest`."""

import sys
import unittest

from build import bindings

sys.path.insert(0, bindings())

import app  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.imports import alert  # noqa: E402
from wit_world.imports.types import PositionSide, Role, Truth  # noqa: E402


def event(body: alert.Body) -> alert.Event:
    account = alert.Account("mirror", Role.MIRROR)
    return alert.Event(
        "an identity", 0, alert.Severity.INFO, "desk", "GTCUSDT", PositionSide.SHORT, 1, account, 0, body, []
    )


def fill(detected: int, shown: int) -> alert.Event:
    count = alert.Count(detected, shown, 3, False, True, None)
    fill = alert.Fill(2, alert.OrderSide.SELL, "0.2215", "150", count, [1], Truth.ALIGNED, [], None)
    return event(alert.Body_Fill(fill))


def lines(message) -> list[str]:
    rich = message.value
    return ["".join(span.value for span in line) for line in [rich.title, *rich.lines]]


class Formats(unittest.TestCase):
    def test_a_synchronised_count_is_marked_and_the_own_one_stands_below(self):
        expected = [
            "🔔 GTCUSDT L2 filled (mirror)",
            "2 of 3 orders filled [Synchronized count]",
            "this account: 1",
        ]
        self.assertEqual(lines(app.render(fill(1, 2), "🔔")), expected)

    def test_an_own_count_needs_no_mark(self):
        self.assertEqual(lines(app.render(fill(2, 2), "🔔"))[1:], ["2 of 3 orders filled"])

    def test_everything_else_is_left_to_the_host(self):
        system = event(alert.Body_System(alert.System("coverage-gap", "a gap", None)))
        with self.assertRaises(Err):
            app.render(system, "🔔")

    def test_a_long_prefix_is_refused_by_name(self):
        self.assertEqual(app.configure('{"prefix": "' + "x" * 21 + '"}')[0].path, "/prefix")


if __name__ == "__main__":
    unittest.main()
