"""Lines that lean on what went before, and an answer that goes on where it was talked over."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta, timezone

import pytest

from voice_loop.local.brain import places, smalltalk
from voice_loop.local.brain.base import Call, Context, Entry, Said, Say, Tool
from voice_loop.local.brain.builtin import answer
from voice_loop.local.brain.pastimes import FACTS, JOKES, STORIES

NOW = datetime(2026, 11, 22, 15, 5, tzinfo=timezone(timedelta(hours=1)))


def talk(*lines: str) -> list[str]:
    """What is answered to each line of one conversation."""
    entries: list[Entry] = []
    answers = []
    for line in lines:
        entries.append(Said("user", line))
        answers.append(said(entries))
        entries.append(Said("assistant", answers[-1]))
    return answers


def said(entries: list[Entry]) -> str:
    steps = answer(Context(list(entries), now=NOW))
    return " ".join(step.text for step in steps if isinstance(step, Say))


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (("What's two plus two?", "And times three?"), "That is 12."),
        (("What's two plus two?", "Times three.", "Divide that by four."), "That is 3."),
        (("What is five minus seven?", "Double it."), "That is minus 4."),
        (("What's two plus two?", "Add a hundred and five to that."), "That is 109."),
        (("What's two plus two?", "Subtract one."), "That is 3."),
        (("What's ten times ten?", "What's the square root of that?"), "That is 10."),
        (("What's ten times ten?", "What is that minus one?"), "That is 99."),
        (("What's ten times ten?", "And 15 percent of that?"), "That is 15."),
        (("What's 15 percent of 80?", "And of two hundred?"), "That is 30."),
        (("What's two plus two?", "What's three plus three?"), "That is 6."),
        (("What is ten divided by three?", "Times three."), "That is 10."),
        (("What is five plus five?", "And what's half of that?"), "That is 5."),
        (("What time is it?", "What about in an hour and a half?"), "That will be 4:35 PM."),
        (("What time is it?", "And the date?"), "Today is Sunday, November 22."),
        (("What time is it?", "How about a joke?"), JOKES[0]),
        (("What time is it?", "And in Tokyo?"), "It is 11:05 PM there."),
        (("What time is it?", "What about New York?"), "It is 9:05 AM there."),
        (("What time is it?", "And in Tokyo?", "How about India?"), "It is 7:35 PM there."),
    ],
)
def test_a_line_that_leaves_something_out_is_understood(lines: tuple[str, ...], last: str) -> None:
    assert talk(*lines)[-1] == last


def test_a_line_without_end_is_not_looked_through() -> None:
    assert talk("Please " * 1_000 + "tell me a joke.") == [smalltalk.UNKNOWN_LONG]


def test_what_leans_on_nothing_is_said_back_as_it_was_heard() -> None:
    assert talk("What is five plus five?", "Over and out.")[1].startswith("I heard: Over and out.")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("What time is it in London?", "It is 2:05 PM there."),
        ("What's the time in New York right now?", "It is 9:05 AM there."),
        ("What time is it in Auckland?", "It is 3:05 AM there, tomorrow."),
        ("What time is it in the UK?", "It is 2:05 PM there."),
        ("What time is it in Bielefeld?", "I don't know the time there. Here it is 3:05 PM."),
        ("What time is it here?", "It is 3:05 PM."),
        ("What time is it at the moment?", "It is 3:05 PM."),
        ("What time will it be in ninety minutes?", "That will be 4:35 PM."),
        ("What time was it two hours ago?", "That was 1:05 PM."),
    ],
)
def test_the_time_elsewhere_and_later_is_never_the_time_here(asked: str, answered: str) -> None:
    assert talk(asked)[-1] == answered


def test_a_machine_without_time_zones_says_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)

    def no_zone(key: str) -> None:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", no_zone)
    places._cities.cache_clear()
    try:
        for place in ("Vienna", "Japan"):
            assert talk(f"What time is it in {place}?")[-1].startswith("I don't know")
    finally:
        places._cities.cache_clear()


def test_another_throw_is_another_throw_and_a_joke_is_not_told_twice() -> None:
    throws = talk("Roll a die.", *("Again.",) * 30)
    assert all(throw.startswith("It is a ") for throw in throws)
    assert len(set(throws)) == 6
    assert talk("Tell me a fact.", "Another one.", "One more.") == list(FACTS)
    assert talk("Tell me a joke.", "Again.") == [JOKES[0], JOKES[0]], "say that again"


HEARD = "Once there was a little voice that lived in a computer. It had no cloud"


@pytest.mark.parametrize("between", [(), (Said("user", "Stop."), Said("assistant", "Okay."))])
def test_an_answer_that_was_talked_over_goes_on_from_the_sentence_it_was_in(
    between: tuple[Entry, ...],
) -> None:
    cut = Said("assistant", HEARD, cut=True)
    entries = [Said("user", "Tell me a story."), cut, *between, Said("user", "Go on.")]
    assert said(entries) == STORIES[0].split(". ", 1)[1]


def test_in_its_first_sentence_it_begins_anew() -> None:
    cut = Said("assistant", "Once there was", cut=True)
    entries: list[Entry] = [
        Said("user", "Tell me a story."),
        cut,
        Said("user", "Continue, please."),
    ]
    assert said(entries) == STORIES[0]


@pytest.mark.parametrize(
    "entries",
    [
        [Said("user", "Tell me a story."), Said("assistant", STORIES[0])],
        [Said("user", "Tell me a story."), Said("assistant", "Words of its own", cut=True)],
        [],
    ],
)
def test_what_was_said_to_its_end_has_nothing_left(entries: list[Entry]) -> None:
    assert said([*entries, Said("user", "Go on.")]) == "There is nothing left to say."


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("My name is not important.", "beyond me"),
        ("Remind me to call mum at five.", "can't ring"),
        ("Call me an ambulance.", "use a telephone"),
        ("Can you spell it?", "Which word?"),
        ("Count from five to eight.", "5, 6, 7, 8."),
        ("Hello, hello!", "offline assistant"),
        ("I'm fine, and you?", "Good to hear."),
        ("Um.", "Take your time."),
        ("Ha ha ha.", "glad"),
        ("Are you ChatGPT?", "no language model"),
        ("Is my voice recorded?", "the page says so"),
        ("Are you recording this?", "the page says so"),
        ("Can I interrupt you?", "talk over me"),
        ("Do you speak German?", "only speak English"),
        ("Is this thing on?", "hear you"),
        ("Why?", "rules"),
        ("Merry Christmas!", "the same to you"),
        ("I have a record player in my room.", "beyond me"),
        ("I would like you to sing.", "can't sing"),
    ],
)
def test_what_visitors_say(asked: str, answered: str) -> None:
    assert answered in talk(asked)[-1]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("What time was it an hour ago?", "That was 2:05 PM."),
        ("What time will it be in half an hour?", "That will be 3:35 PM."),
        ("What time is it in Chicago, please?", "It is 8:05 AM there."),
        ("What day was last Friday?", "That was Friday, November 20."),
        ("What day was November 10?", "That was Tuesday, November 10."),
        ("What is a mile in kilometers?", "1 mile is 1.61 kilometers."),
        ("How many minutes in an hour and a half?", "1.5 hours are 90 minutes."),
        ("What's 50 plus 10%?", "That is 55."),
        ("What is 100 minus twenty percent plus one?", "That is 81."),
        ("Don't count to ten.", "All right, I won't."),
        ("Don't forget to tell me a joke.", JOKES[0]),
        ("No, thank you.", "All right."),
        ("Thank you, stop.", "Okay."),
    ],
)
def test_what_is_asked_is_what_is_answered(asked: str, answered: str) -> None:
    assert talk(asked) == [answered]


@pytest.mark.parametrize(
    "mentioned",
    [
        "What year did World War Two end?",
        "Which month comes after March?",
        "What time is dinner?",
        "What time is sunset in Berlin?",
        "Is Python faster than Java?",
        "The train was too slow today.",
        "What is the normal speed of a car?",
        "They say that money can't buy happiness.",
        "How would you write a poem?",
        "What do you call a baby goat?",
        "No news is good news.",
        "That's not a joke.",
        "I can count to 100.",
        "What are you talking about?",
        "I broke a record with my voice.",
        "The fire alarm went off.",
        "How many square feet in a square meter?",
        "I'll be there in a second, give me a minute.",
        "I'm bad at maths.",
    ],
)
def test_what_is_only_mentioned_is_not_done(mentioned: str) -> None:
    assert "beyond me" in talk(mentioned)[0]


@pytest.mark.parametrize(
    "line",
    [
        "And what do you think about politics?",
        "I live in London.",
        "Okay and what about you?",
        "I'm in a hurry.",
    ],
)
def test_after_the_time_not_everything_is_about_the_time(line: str) -> None:
    assert "time" not in talk("What time is it?", line)[1]


DELETE = Tool("delete_all_notes", "Delete all of the user's notes.", {"type": "object"})


@pytest.mark.parametrize(
    ("line", "deletes"),
    [
        ("Delete all my notes.", True),
        ("Can you delete all notes?", True),
        ("Don't delete all my notes!", False),
        ("Please do not delete my notes.", False),
        ("Do I have any notes?", False),
        ("Should I delete my notes?", False),
        ("I took notes all day.", False),
    ],
)
def test_a_tool_that_changes_something_is_called_only_when_that_is_asked_for(
    line: str, deletes: bool
) -> None:
    steps = answer(Context([Said("user", line)], tools=[DELETE], now=NOW))
    assert any(isinstance(step, Call) for step in steps) == deletes


TIMER = Tool(
    "set_timer",
    "Start a timer.",
    {"type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]},
)


@pytest.mark.parametrize(
    ("line", "minutes"),
    [
        ("Set a timer for five minutes.", 5),
        ("Set a timer for two hours.", 120),
        ("Set a timer for an hour and a half.", 90),
        ("Set a timer for one hour and ten minutes.", 70),
        ("Set the timer to 20.", 20),
    ],
)
def test_a_tool_that_takes_minutes_is_given_minutes(line: str, minutes: int) -> None:
    steps = answer(Context([Said("user", line)], tools=[TIMER], now=NOW))
    assert steps == [Call("set_timer", f'{{"minutes": {minutes}}}')]


def _list_tool(name: str, description: str) -> Tool:
    item = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}
    return Tool(name, description, item)


ADD = _list_tool("add_to_shopping_list", "Add an item to the shopping list.")
REMOVE = _list_tool("remove_from_shopping_list", "Remove an item from the shopping list.")


@pytest.mark.parametrize(
    ("line", "tools", "called"),
    [
        ("Remove milk from my shopping list.", [ADD], []),
        ("Please delete milk from my shopping list.", [ADD], []),
        ("Add milk to my shopping list.", [REMOVE], []),
        ("Remove milk from my shopping list.", [ADD, REMOVE], ["remove_from_shopping_list"]),
        ("Can you add milk to my shopping list?", [ADD, REMOVE], ["add_to_shopping_list"]),
    ],
)
def test_the_opposite_of_what_was_asked_is_never_done(
    line: str, tools: list[Tool], called: list[str]
) -> None:
    steps = answer(Context([Said("user", line)], tools=tools, now=NOW))
    assert [step.name for step in steps if isinstance(step, Call)] == called
