"""my-plugin: a fill in two lines.

A pure function of the alert and the target: the same alert must have the same message. What it does
not speak for is left to the host's plain text, so no alert is lost.
"""

import json
import traceback

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.description import Info, Kind
from wit_world.exports.formatter import (
    FormatterError_Internal,
    FormatterError_Unsupported,
    Target,
)
from wit_world.exports.settings import Diagnostic, Severity
from wit_world.imports.alert import Body_Fill, Event
from wit_world.imports.message import Rendered, Rendered_Rich, RichMessage, Span_Bold, Span_Text

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "prefix": {
            "description": "What every message begins with.",
            "type": "string",
            "default": "🔔",
        }
    },
}

SETTINGS = {"prefix": "🔔"}


class Description(exports.Description):
    def describe(self) -> Info:
        return Info(
            name="my-plugin",
            version="0.1.0",
            kind=Kind.FORMATTER,
            summary="A fill in two lines.",
            settings_schema=json.dumps(SCHEMA),
            attributes=[],
        )


class Settings(exports.Settings):
    def configure(self, json: str) -> list[Diagnostic]:
        return configure(json)


class Formatter(exports.Formatter):
    def format(self, event: Event, target: Target) -> Rendered:
        try:
            return render(event, SETTINGS["prefix"])
        except Err:
            raise
        except Exception:
            # Without this the host would only see a trap, and nobody the reason.
            raise Err(FormatterError_Internal(traceback.format_exc()))


def configure(text: str) -> list[Diagnostic]:
    """Takes the settings, which the host has checked against SCHEMA before."""
    given = json.loads(text)
    if len(given.get("prefix", "")) > 20:
        message = "it has more than 20 characters; a prefix is a word or a sign"
        return [Diagnostic("/prefix", Severity.ERROR, message)]
    SETTINGS.update(given)
    return []


def render(event: Event, prefix: str) -> Rendered:
    if not isinstance(event.body, Body_Fill):
        raise Err(FormatterError_Unsupported("it speaks for fills only"))
    fill = event.body.value
    account = event.account.name if event.account else "?"
    title = [
        Span_Text(f"{prefix} "),
        Span_Bold(f"{event.symbol or '?'} L{fill.slot} filled"),
        Span_Text(f" ({account})"),
    ]
    counts = f"{fill.count.shown} of {fill.count.total} orders filled"
    # A count that is not the account's own is marked, and the account's own stands beside it.
    if fill.count.shown == fill.count.detected:
        lines = [[Span_Text(counts)]]
    else:
        lines = [
            [Span_Text(f"{counts} [Synchronized count]")],
            [Span_Text(f"this account: {fill.count.detected}")],
        ]
    return Rendered_Rich(RichMessage(title, lines))
