"""`one-line`: every fill in one line, for a channel that is read on a small screen.

Speaks for fills only; for every other alert the host sends its own plain text. The same formatter as
`../javascript/one-line.js`: both make the same message.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import description, formatter, settings
from wit_world.imports import alert, message


class Description(exports.Description):
    def describe(self) -> description.Info:
        return description.Info(
            name="one-line",
            version="1.0.0",
            kind=description.Kind.FORMATTER,
            summary="Every fill in one line.",
            settings_schema='{"type":"object","additionalProperties":false}',
            attributes=[("language", "Python")],
        )


class Settings(exports.Settings):
    def configure(self, json: str) -> list[settings.Diagnostic]:
        return []


class Formatter(exports.Formatter):
    def format(self, event: alert.Event, target: formatter.Target) -> message.Rendered:
        if not isinstance(event.body, alert.Body_Fill):
            raise Err(formatter.FormatterError_Unsupported("it speaks for fills only"))
        fill = event.body.value
        who = event.account.name if event.account else "an account"
        what = f"{who} L{fill.slot} {fill.side.name.lower()} {fill.quantity} @ {fill.price}"
        counted = f"{fill.count.shown} of {fill.count.total}"
        # The account's own fact stands beside a count that is not its own.
        if fill.count.shown != fill.count.detected:
            counted += f" (own {fill.count.detected})"
        title = [
            message.Span_Bold(event.symbol or ""),
            message.Span_Text(f" {what}: "),
            message.Span_Code(counted),
        ]
        return message.Rendered_Rich(message.RichMessage(title, []))
