"""Unit tests on this machine: `.venv/bin/python -m unittest`."""

import sys
import unittest

from build import bindings

sys.path.insert(0, bindings())

import app  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.exports.strategy import Member, View  # noqa: E402
from wit_world.imports.types import CountsWhen, PositionSide, Role  # noqa: E402


def member(account: str, role: Role, detected: int) -> Member:
    return Member(account, role, detected, True, False, None, None, [], [])


def view(*members: Member) -> View:
    return View("desk", "GTCUSDT", PositionSide.SHORT, 1, 0, CountsWhen.FILLED, [], list(members), [])


def counts(follow: str, *members: Member) -> list[int]:
    return [row.count for row in app.decide(view(*members), follow).shown]


MAIN_1 = member("main", Role.MAIN, 1)
MIRROR_2 = member("mirror", Role.MIRROR, 2)
WATCHED_3 = member("watched", Role.OBSERVER, 3)


class Decides(unittest.TestCase):
    def test_everybody_shows_the_largest_count(self):
        self.assertEqual(counts("largest", MAIN_1, MIRROR_2, WATCHED_3), [2, 2, 3])

    def test_main_is_followed_where_it_is_set(self):
        self.assertEqual(counts("main", MAIN_1, MIRROR_2), [1, 1])

    def test_without_main_there_is_nobody_to_follow(self):
        with self.assertRaises(Err):
            counts("main", MIRROR_2)

    def test_settings_that_mean_nothing_are_refused_by_name(self):
        self.assertEqual(app.configure('{"follow": "nobody"}')[0].path, "/follow")


if __name__ == "__main__":
    unittest.main()
