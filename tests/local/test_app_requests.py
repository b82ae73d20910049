"""What an app asks of the offline assistant: driving its lists, and saying the app's own words."""

from __future__ import annotations

import pytest

from voice_loop.local.brain.base import Call, Context, Said, Say, Tool
from voice_loop.local.brain.builtin import answer
from voice_loop.session.conversation import SAY


def tool(name: str, description: str, parameter: str, **schema: object) -> Tool:
    properties = {parameter: {"type": "string", **schema}}
    return Tool(name, description, {"properties": properties, "required": [parameter]})


TOOLS = (
    tool("add_item", "Add an item to the list.", "text"),
    tool("remove_item", "Remove an item from the list.", "text"),
    tool("finish_item", "Tick off an item of the list, because it is finished.", "text"),
    tool("set_filter", "Choose which items are shown.", "show", enum=["all", "open", "done"]),
)


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        ("Add milk to the list.", [("add_item", '{"text": "milk"}')]),
        ("Could you add milk to my list, please?", [("add_item", '{"text": "milk"}')]),
        (
            "Please add two bottles of milk to my shopping list.",
            [("add_item", '{"text": "two bottles of milk"}')],
        ),
        (
            "Add bread and butter to the list.",
            [("add_item", '{"text": "bread"}'), ("add_item", '{"text": "butter"}')],
        ),
        ("Remove milk from the list.", [("remove_item", '{"text": "milk"}')]),
        ("Finish milk", [("finish_item", '{"text": "milk"}')]),
        ("Show only open items.", [("set_filter", '{"show": "open"}')]),
        ("Show all items.", [("set_filter", '{"show": "all"}')]),
    ],
)
def test_a_list_is_driven_by_what_people_say(said: str, calls: list[tuple[str, str]]) -> None:
    steps = answer(Context([Said("user", said)], tools=TOOLS))
    assert [(step.name, step.arguments) for step in steps if isinstance(step, Call)] == calls


def test_what_a_session_is_told_to_say_is_said_word_for_word() -> None:
    context = Context([Said("user", "Hi")], instructions=SAY + "Still open: butter.", tools=TOOLS)
    assert answer(context) == [Say("Still open: butter.")]
