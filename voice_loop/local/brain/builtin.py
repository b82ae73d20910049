"""The built-in responder: rules and no model, and it says so.

In order: the result of a tool, an answer to a question about a tool's parameter, the talk itself
(stop, again, slower), the app's tools, dates, units, sums, spelling, pastimes, small talk, and last
an honest admission. It reads everything off the context and keeps nothing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from voice_loop.local.brain import (
    arithmetic,
    calendar,
    followup,
    pastimes,
    smalltalk,
    toolcalls,
    units,
)
from voice_loop.local.brain.base import (
    Call,
    CalledTool,
    Context,
    Entry,
    Pace,
    Said,
    Say,
    Step,
    ToolOutput,
)
from voice_loop.local.brain.numbers import say_number

_SAY_THIS: Final = re.compile(
    r"^\s*(?:please\s+)?(?:say|speak|read|repeat)\b[^:\n]{0,100}:\s*[\"“']?(.+?)[\"”']?\s*$",
    re.IGNORECASE | re.DOTALL,
)
OKAY: Final = "Okay."
MOST_CHARS: Final = 4_000
"""Of a line that rules are tried on: they run in the server's event loop."""
MOST_LINES: Final = 40
"""So far back a line may lean."""
SLOW: Final = 0.8
FAST: Final = 1.25


class BuiltinResponder:
    """Answers by rules."""

    async def respond(self, context: Context) -> AsyncGenerator[Step, None]:
        for step in answer(context):
            yield step

    def foresee(self, context: Context) -> str | None:
        first = answer(context)[0]
        return first.text if isinstance(first, Say) else None


def answer(context: Context) -> Sequence[Step]:
    """The answer to a conversation."""
    told = _SAY_THIS.match(context.instructions)
    if told:
        return [Say(told[1])]
    last = context.entries[-1] if context.entries else None
    if isinstance(last, ToolOutput):
        return [Say(_results(context.entries))]
    text = context.last_user_text
    if text is None:
        return [Say(smalltalk.GREETING)]
    if not isinstance(last, Said) or last.role != "user":
        return [Say("Is there anything else?")]
    if not text.strip():
        return [Say(smalltalk.NOT_HEARD if context.can_hear else smalltalk.CANNOT_HEAR)]
    if len(text) > MOST_CHARS:
        return [Say(smalltalk.UNKNOWN_LONG)]
    text = followup.standing_alone(_lines(context)[-MOST_LINES:])
    return _asked_parameter(context, text) or _about_the_talk(context, text) or _task(context, text)


def _results(entries: Sequence[Entry]) -> str:
    """The results of the newest round of calls."""
    outputs: list[str] = []
    for entry in reversed(entries):
        if isinstance(entry, ToolOutput):
            outputs.insert(0, toolcalls.say_result(entry.output))
        elif not isinstance(entry, CalledTool):
            break
    return " ".join(outputs)


def _lines(context: Context) -> list[Said]:
    return [entry for entry in context.entries if isinstance(entry, Said)]


def _asked_parameter(context: Context, text: str) -> Sequence[Step]:
    """The user answers our question about a parameter, perhaps the second one in a row."""
    lines = _lines(context)
    questions = {
        toolcalls.question_for(tool, parameter)
        for tool in context.tools
        for parameter in tool.parameters.get("required") or []
    }
    first = len(lines) - 1
    while first >= 2 and lines[first - 1].text.strip() in questions:
        first -= 2
    if first == len(lines) - 1:
        return []
    if re.match(r"^(?:never ?mind|cancel|forget it|no|stop)\b", smalltalk.plain(text)):
        return [Say("All right, never mind.")]
    tool = toolcalls.choose(context.tools, lines[first].text, "*")
    if tool is None:
        return []
    filled = toolcalls.fill(tool, lines[first].text)
    for line in lines[first + 2 :: 2]:
        filled = toolcalls.with_answer(filled, line.text)
    return _call([filled])


def _call(planned: Sequence[toolcalls.Filled]) -> Sequence[Step]:
    waiting = next((filled for filled in planned if filled.missing is not None), None)
    if waiting is not None:
        return [Say(waiting.question)]
    return [Call(filled.tool.name, filled.arguments_json()) for filled in planned]


def _about_the_talk(context: Context, text: str) -> Sequence[Step]:
    line = smalltalk.plain(text)
    if context.must_call is not None:
        return []
    if smalltalk.STOP.match(line):
        return [Say(OKAY)]
    if match := smalltalk.REPEAT.search(text):
        return [Say(match[1].strip())]
    if smalltalk.SLOWER.search(line):
        return [Pace(SLOW), Say("Okay, slower.")]
    if smalltalk.FASTER.search(line):
        return [Pace(FAST), Say("Okay, faster.")]
    if smalltalk.NORMAL.search(line):
        return [Pace(1.0), Say("Back to my normal pace.")]
    if smalltalk.GO_ON.match(line):
        return [Say(_rest(context))]
    if smalltalk.AGAIN.search(line):
        said = [entry.text for entry in _lines(context) if entry.role == "assistant"]
        return [Say(said[-1] if said else "I have not said anything yet.")]
    return []


def _rest(context: Context) -> str:
    """What was to be heard of the answer that was interrupted last, from the sentence it was in."""
    entries = list(context.entries)
    for at in range(len(entries) - 2, 0, -1):
        entry = entries[at]
        if not isinstance(entry, Said) or entry.role != "assistant":
            continue
        if entry.cut:
            before = dataclasses.replace(context, entries=entries[:at])
            whole = next((step.text for step in answer(before) if isinstance(step, Say)), "")
            heard = entry.text.rstrip(" .…")
            if not whole.startswith(heard) or not heard:
                break
            start = max(whole.rfind(end, 0, len(heard)) + 2 for end in (". ", "! ", "? "))
            return whole[start if start > 1 else 0 :]
        if entry.text != OKAY:
            break
    return "There is nothing left to say."


def _task(context: Context, text: str) -> Sequence[Step]:
    if context.must_call is None and smalltalk.REFUSED.match(smalltalk.plain(text)):
        return [Say("All right, I won't.")]
    if planned := toolcalls.plan(context.tools, text, context.must_call):
        return _call(planned)
    text = smalltalk.CORRECTION.sub("", text, count=1).strip() or text
    if match := smalltalk.SPELL.search(text):
        if match[1].lower() in smalltalk.WHICH_WORD:
            return [Say("Which word?")]
        return [Say(smalltalk.spell(match[1]))]
    said = (
        calendar.timer(text, context.now)
        or calendar.answer(text, context.now)
        or units.convert(text)
        or _sum(text)
        or pastimes.reply(context, text)
        or smalltalk.reply(text, has_tools=bool(context.tools))
    )
    return [Say(smalltalk.unknown(text) if said is None else said)]


def _sum(text: str) -> str | None:
    try:
        value = arithmetic.evaluate(text)
    except ZeroDivisionError:
        return "Nothing can be divided by zero."
    return None if value is None else f"That is {say_number(value)}."
