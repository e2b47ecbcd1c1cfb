"""my-plugin: every account shows the largest count of its group, or main's.

A pure function of the view: the same view must have the same answer, byte for byte. An instance
answers one question, so what `configure` keeps in SETTINGS is there for `decide` and gone after it.
"""

import json
import traceback

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.description import Info, Kind
from wit_world.exports.settings import Diagnostic, Severity
from wit_world.exports.strategy import (
    Decision,
    Shown,
    StrategyError_Internal,
    StrategyError_Undecided,
    View,
)
from wit_world.imports.types import Role

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "follow": {
            "description": "Whose count everybody shows: the largest of the group, or main's.",
            "enum": ["largest", "main"],
            "default": "largest",
        }
    },
}

SETTINGS = {"follow": "largest"}


class Description(exports.Description):
    def describe(self) -> Info:
        return Info(
            name="my-plugin",
            version="0.1.0",
            kind=Kind.STRATEGY,
            summary="Every account shows the largest count of its group, or main's.",
            settings_schema=json.dumps(SCHEMA),
            attributes=[],
        )


class Settings(exports.Settings):
    def configure(self, json: str) -> list[Diagnostic]:
        return configure(json)


class Strategy(exports.Strategy):
    def decide(self, view: View) -> Decision:
        try:
            return decide(view, SETTINGS["follow"])
        except Err:
            raise
        except Exception:
            # Without this the host would only see a trap, and nobody the reason.
            raise Err(StrategyError_Internal(traceback.format_exc()))


def configure(text: str) -> list[Diagnostic]:
    """Takes the settings, which the host has checked against SCHEMA before."""
    given = json.loads(text)
    if given.get("follow", "largest") not in ("largest", "main"):
        return [Diagnostic("/follow", Severity.ERROR, 'it is "largest" or "main"')]
    SETTINGS.update(given)
    return []


def decide(view: View, follow: str) -> Decision:
    members = [member for member in view.members if member.role != Role.OBSERVER]
    if follow == "main":
        members = [member for member in members if member.role == Role.MAIN]
    # Of equals the first, so that the note is always the same.
    leader = max(members, key=lambda member: member.detected, default=None)
    if leader is None:
        raise Err(StrategyError_Undecided("the group has no main account to follow"))
    shown = []
    for member in view.members:
        if member.role == Role.OBSERVER or member.detected == leader.detected:
            shown.append(Shown(member.account, member.detected, None))
        else:
            note = f"{leader.account} has {leader.detected}"
            shown.append(Shown(member.account, leader.detected, note))
    return Decision(shown)
