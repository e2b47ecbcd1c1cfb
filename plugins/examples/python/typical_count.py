"""`typical-count`: everybody shows the count in the middle of the group.

The counts of main and the mirrors are put in order; the one in the middle is shown for each of them.
Where two are in the middle, the setting `between` says which. Observers move no count and are shown
their own. The same strategy as `../javascript/typical-count.js`: both give the same answers.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import description, settings, strategy
from wit_world.imports import log, types

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "between": {
            "description": "Which of two counts in the middle is shown.",
            "enum": ["lower", "higher"],
            "default": "lower",
        }
    },
}

# An instance lives for one question, so what `configure` took is simply kept here.
between = "lower"


class Description(exports.Description):
    def describe(self) -> description.Info:
        return description.Info(
            name="typical-count",
            version="1.0.0",
            kind=description.Kind.STRATEGY,
            summary="Every account shows the count in the middle of the group.",
            settings_schema=json.dumps(SCHEMA),
            attributes=[("language", "Python")],
        )


class Settings(exports.Settings):
    def configure(self, json_text: str) -> list[settings.Diagnostic]:
        global between
        between = json.loads(json_text).get("between", "lower")
        return []


class Strategy(exports.Strategy):
    def decide(self, view: strategy.View) -> strategy.Decision:
        counts = sorted(member.detected for member in view.members if moves_counts(member))
        if not counts and view.members:
            raise Err(strategy.StrategyError_Undecided("the group has observers only"))
        log.log(log.Level.DEBUG, f"{view.symbol}: {counts}")
        return strategy.Decision([row(member, counts) for member in view.members])


def moves_counts(member: strategy.Member) -> bool:
    return member.role != types.Role.OBSERVER


def row(member: strategy.Member, counts: list[int]) -> strategy.Shown:
    if not moves_counts(member):
        return strategy.Shown(member.account, member.detected, None)
    middle = counts[(len(counts) - 1) // 2 if between == "lower" else len(counts) // 2]
    note = None if middle == member.detected else f"{middle} is the count in the middle"
    return strategy.Shown(member.account, middle, note)
