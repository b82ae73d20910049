"""The built-in responder: what it answers to what people say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_loop.local.brain import pastimes, smalltalk
from voice_loop.local.brain.arithmetic import evaluate
from voice_loop.local.brain.base import (
    Call,
    CalledTool,
    Context,
    Entry,
    Instruction,
    Pace,
    Said,
    Say,
    Step,
    Tool,
    ToolOutput,
)
from voice_loop.local.brain.builtin import answer
from voice_loop.local.brain.numbers import number_text, ordinal, say_number, with_digits
from voice_loop.local.brain.scripted import ScriptedResponder

NOW = datetime(2026, 11, 22, 15, 5)


def steps(
    text: str, *, tools: Sequence[Tool] = (), before: Sequence[Entry] = (), **more: Any
) -> list[Step]:
    return list(answer(Context([*before, Said("user", text)], tools=tools, now=NOW, **more)))


def says(text: str, **more: Any) -> str:
    return " ".join(step.text for step in steps(text, **more) if isinstance(step, Say))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("What time is it?", "It is 3:05 PM."),
        ("What's the time?", "It is 3:05 PM."),
        ("What day is it today?", "Today is Sunday, November 22."),
        ("What's today's date?", "Today is Sunday, November 22."),
        ("What day is tomorrow?", "That is Monday, November 23."),
        ("What day was yesterday?", "That was Saturday, November 21."),
        ("What day is the day after tomorrow?", "That is Tuesday, November 24."),
        ("What day was the day before yesterday?", "That was Friday, November 20."),
        ("What day will it be in ten days?", "That is Wednesday, December 2."),
        ("What was the date three days ago?", "That was Thursday, November 19."),
        ("What's the date two weeks from today?", "That is Sunday, December 6."),
        ("What day of the week is July 4th, 2027?", "That is Sunday, July 4, 2027."),
        ("What day is the third of March?", "That is Wednesday, March 3, 2027."),
        ("How many days until Christmas?", "It is 33 days until Friday, December 25."),
        ("How many days until November 22nd?", "That is today."),
        ("How long is it until Friday?", "It is 5 days until Friday, November 27."),
        ("How many days until November 1st 2026?", "That was 21 days ago."),
        ("What year is it?", "It is 2026."),
        ("What month is it?", "It is November."),
        ("Set a timer for five minutes.", "That will be at 3:10 PM. I can't ring, so "
         "keep an eye on it."),
        ("Remind me in 2 hours and 30 minutes.", "That will be at 5:35 PM. I can't ring, "
         "so keep an eye on it."),
        ("Set a timer.", "For how long? I can't ring, but I can tell you when it ends."),
        ("Set a timer for 900 hours.", "That's too long for me. A week is my limit."),
    ],
)  # fmt: skip
def test_time_and_dates(asked: str, answered: str) -> None:
    assert says(asked) == answered


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("What is seventeen plus twenty-five?", 42),
        ("What's 12 times 12?", 144),
        ("What is a hundred and five minus six?", 99),
        ("fifteen percent of 80", 12),
        ("What is the square root of 144?", 12),
        ("two to the power of ten", 1024),
        ("five squared", 25),
        ("three cubed plus one", 28),
        ("What is three point five times two?", 7),
        ("how much is half of 90", 45),
        ("double 21", 42),
        ("What is two million three hundred thousand divided by a thousand?", 2300),
        ("one plus two times three", 7),
        ("( 1 + 2 ) * 3", 9),
        ("minus 4 plus 10", 6),
        ("50% of 50%", 0.25),
        ("2 to the power of minus 1", 0.5),
    ],
)
def test_sums(asked: str, value: float) -> None:
    assert evaluate(asked) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "two and two",
        "42",
        "what is the capital of France",
        "the square root of minus one",
        "2 plus",
        "( 2 plus 3",
        "__import__('os')",
        "9 to the power of 9 to the power of 9 to the power of 9",
        "( minus 8 ) to the power of 0.5",
        "plus " * 100,
    ],
)
def test_what_is_not_a_sum_is_not_calculated(text: str) -> None:
    assert evaluate(text) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_sums_of_any_numbers_are_right(left: int, right: int) -> None:
    assert evaluate(f"what is {left} plus {right}") == left + right
    assert evaluate(f"{left} minus {right}") == left - right
    assert evaluate(f"{left} times {right}") == left * right


@given(st.text(max_size=200))
def test_any_text_at_all_gets_an_answer(text: str) -> None:
    tool = Tool("do", "d", {"properties": {"n": {"type": "integer"}, "place": {}}})
    assert steps(text)
    assert steps(text, tools=[tool], must_call="*")


def test_a_division_by_zero_is_answered() -> None:
    assert says("What is ten divided by zero?") == "Nothing can be divided by zero."
    assert says("What's 100 divided by 3?") == "That is about 33.3333."


def _in_words(number: int) -> str:
    units = (
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
        *("eighteen", "nineteen"),
    )
    tens = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
    if number < 20:
        return units[number]
    if number < 100:
        rest = f" {units[number % 10]}" if number % 10 else ""
        return tens[number // 10 - 2] + rest
    for size, name in (
        (10**9, "billion"),
        (10**6, "million"),
        (1000, "thousand"),
        (100, "hundred"),
    ):
        if number >= size:
            rest = f" {_in_words(number % size)}" if number % size else ""
            return f"{_in_words(number // size)} {name}{rest}"
    raise AssertionError


@given(st.integers(0, 10**12 - 1))
def test_number_words_of_any_size_become_digits(number: int) -> None:
    assert with_digits(_in_words(number)) == [str(number)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two hundred and five", ["205"]),
        ("one two three", ["1", "2", "3"]),
        ("twenty fifteen", ["20", "15"]),
        ("three point one four", ["3.14"]),
        ("2 million", ["2000000"]),
        ("1,234.5", ["1234.5"]),
        ("a million", ["1000000"]),
        ("the point is", ["the", "point", "is"]),
        ("one hundred thousand and one", ["100001"]),
    ],
)
def test_number_words(text: str, words: list[str]) -> None:
    assert with_digits(text) == words


def test_numbers_are_spoken_without_noise() -> None:
    assert number_text(42.0) == "42"
    assert say_number(-2.5) == "minus 2.5"
    assert say_number(1 / 3) == "about 0.3333"
    assert say_number(1e20) == "more than I can say"
    assert [ordinal(word) for word in ("third", "3rd", "21st", "x")] == [3, 3, 21, None]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("How many meters are in five miles?", "5 miles are 8046.72 meters."),
        ("Convert ten pounds to kilograms.", "10 pounds are 4.54 kilograms."),
        ("What is 72 degrees Fahrenheit in Celsius?",
         "72 degrees Fahrenheit is 22.22 degrees Celsius."),
        ("minus 40 celsius to fahrenheit",
         "minus 40 degrees Celsius is minus 40 degrees Fahrenheit."),
        ("0 celsius in kelvin", "0 degrees Celsius is 273.15 kelvin."),
        ("300 kelvin to celsius", "300 kelvin is 26.85 degrees Celsius."),
        ("5 feet in centimeters", "5 feet are 152.4 centimeters."),
        ("How many inches are in a foot?", "1 foot is 12 inches."),
        ("How many litres are in 2 gallons?", "2 gallons are 7.57 liters."),
    ],
)  # fmt: skip
def test_units(asked: str, answered: str) -> None:
    assert says(asked) == answered


@pytest.mark.parametrize("text", ["5 meters in kilograms", "5 meters in meters", "meters in"])
def test_units_that_do_not_fit_are_not_converted(text: str) -> None:
    assert "beyond me" in says(text)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("Hello there.", "offline assistant"),
        ("Who are you?", "no language model"),
        ("What can you do?", "With an OpenAI key"),
        ("I'm sorry.", "No need"),
        ("Thanks!", "welcome"),
        ("Goodbye.", "Goodbye"),
        ("I feel so sad.", "sorry to hear"),
        ("What about an OpenAI key?", "OPENAI API KEY"),
        ("Tell me a story.", "Once there was"),
        ("Tell me a joke.", "microphone"),
        ("What's the weather like?", "offline"),
        ("Yes.", "All right"),
        ("No.", "never mind"),
        ("Can you hear me?", "Yes"),
        ("How are you?", "set of rules"),
        ("What is the capital of France?", "I heard: What is the capital of France?"),
        ("Blah", "beyond me"),
        ("Spell cat.", "cat: C, A, T."),
        ("How do you spell the word dog?", "dog: D, O, G."),
        ("Repeat after me: the quick brown fox.", "the quick brown fox."),
        ("Stop.", "Okay."),
        ("please stop talking now", "Okay."),
        ("Say that again.", "not said anything"),
    ],
)
def test_small_talk_is_honest(asked: str, part: str) -> None:
    assert part in says(asked)


def test_say_that_again_repeats_what_was_said_last() -> None:
    before = [Said("user", "x"), Said("assistant", "One."), Said("assistant", "Two.")]
    assert says("Can you repeat that please?", before=before) == "Two."


@pytest.mark.parametrize(
    ("asked", "factor"), [("Slower please.", 0.8), ("Faster!", 1.25), ("Normal speed.", 1.0)]
)
def test_the_pace_can_be_changed(asked: str, factor: float) -> None:
    assert steps(asked)[0] == Pace(factor)


def test_what_it_can_do_names_the_tools_only_where_there_are_some() -> None:
    assert "tools" not in says("What can you do?")
    assert "tools" in says("What can you do?", tools=[WEATHER])


def test_a_long_line_that_is_beyond_it_is_not_said_back() -> None:
    line = "I have been thinking about the meaning of all those little things lately."
    assert line not in says(line)
    assert "beyond me" in says(line)


def test_without_a_user_line_it_greets_as_what_it_is() -> None:
    said = answer(Context([Instruction("x")]))
    assert said == [Say(smalltalk.GREETING)]
    assert "offline assistant" in smalltalk.GREETING
    again = answer(Context([Said("user", "Hi"), Said("assistant", "Hello.")]))
    assert again == [Say("Is there anything else?")]


def test_speech_that_was_not_understood_is_asked_for_again() -> None:
    assert says("") == smalltalk.NOT_HEARD
    assert says(" ", can_hear=False) == smalltalk.CANNOT_HEAR


def test_an_answer_that_is_dictated_is_spoken_word_for_word() -> None:
    context = Context([Said("user", "x")], instructions='Say exactly this: "The tea is ready."')
    assert answer(context) == [Say("The tea is ready.")]


WEATHER = Tool(
    "get_weather",
    "Get the current weather for a city.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)
LIGHT = Tool(
    "set_light",
    "Turns a lamp on or off.",
    {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["kitchen", "living_room", "bedroom"]},
            "on": {"type": "boolean"},
            "brightness": {"type": "integer"},
        },
        "required": ["room", "on"],
    },
)
NOTE = Tool(
    "add_note",
    "Adds a note to the list.",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)
DICE = Tool(
    "roll_dice",
    "Roll some dice.",
    {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "sides": {"type": "integer", "default": 6}},
        "required": ["sides"],
    },
)
TABLE = Tool(
    "bookTable",
    "Book a table at a restaurant",
    {
        "type": "object",
        "properties": {
            "people": {"type": "integer", "description": "Number of people"},
            "day": {"type": "string"},
        },
        "required": ["people", "day"],
    },
)
CONTACT = Tool(
    "call_person",
    "Phones a person.",
    {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
)
TOOLS = [WEATHER, LIGHT, NOTE, DICE, TABLE, CONTACT]


def calls(text: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    found = steps(text, tools=more.pop("tools", TOOLS), **more)
    return [(step.name, json.loads(step.arguments)) for step in found if isinstance(step, Call)]


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("What's the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        ("What is the weather like in New York tomorrow in celsius?",
         [("get_weather", {"city": "New York", "unit": "celsius"})]),
        ("How is the weather in Paris and in Rome?",
         [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]),
        ("Weather in Paris and Rome please.",
         [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]),
        ("Turn on the light in the kitchen.", [("set_light", {"room": "kitchen", "on": True})]),
        ("Turn off the living room lamp.", [("set_light", {"room": "living_room", "on": False})]),
        ("Set the bedroom light on with brightness 40.",
         [("set_light", {"room": "bedroom", "on": True, "brightness": 40})]),
        ("Add a note to buy milk.", [("add_note", {"text": "buy milk"})]),
        ('Add a note "call mum" now', [("add_note", {"text": "call mum"})]),
        ("Roll two dice with eight sides", [("roll_dice", {"count": 2, "sides": 8})]),
        ("Roll the dice.", [("roll_dice", {"sides": 6})]),
        ("Book a table for four people tomorrow.",
         [("bookTable", {"people": 4, "day": "tomorrow"})]),
        ("Turn on the kitchen light and add a note that the bulb is old.",
         [("set_light", {"room": "kitchen", "on": True}),
          ("add_note", {"text": "the bulb is old"})]),
        ("Call the person named Anna", [("call_person", {"name": "Anna"})]),
    ],
)  # fmt: skip
def test_tools_are_chosen_and_filled_from_the_line(
    asked: str, called: list[tuple[str, dict[str, Any]]]
) -> None:
    assert calls(asked) == called


@pytest.mark.parametrize("text", ["What time is it?", "Two plus two", "Thank you", "Stop."])
def test_a_line_that_asks_for_no_tool_calls_none(text: str) -> None:
    assert calls(text) == []


@pytest.mark.parametrize(("answered", "city"), [("Paris.", "Paris"), ("In New York", "New York")])
def test_a_missing_parameter_is_asked_for_and_taken_from_the_next_line(
    answered: str, city: str
) -> None:
    question = says("What's the weather?", tools=TOOLS)
    assert question == "I need the name of the city. What is it?"
    before = [Said("user", "What's the weather?"), Said("assistant", question)]
    assert calls(answered, before=before) == [("get_weather", {"city": city})]


def test_two_missing_parameters_are_asked_for_one_after_the_other() -> None:
    entries: list[Entry] = []
    for line in ("Book a table.", "four"):
        question = says(line, tools=TOOLS, before=entries)
        entries += [Said("user", line), Said("assistant", question)]
    assert calls("tomorrow", before=entries) == [("bookTable", {"people": 4, "day": "tomorrow"})]


def test_a_question_about_a_parameter_can_be_dropped() -> None:
    question = says("What's the weather?", tools=TOOLS)
    before = [Said("user", "What's the weather?"), Said("assistant", question)]
    assert says("Never mind.", tools=TOOLS, before=before) == "All right, never mind."


def test_a_tool_that_must_be_called_is_called() -> None:
    assert calls("whatever", must_call="roll_dice") == [("roll_dice", {"sides": 6})]
    assert calls("stop", must_call="*", tools=[DICE]) == [("roll_dice", {"sides": 6})]
    assert steps("hm", tools=[DICE], must_call="no_such_tool")


@pytest.mark.parametrize(
    ("outputs", "spoken"),
    [
        (['{"temperature": 18, "condition": "light rain"}'],
         "Temperature: 18, condition: light rain."),
        (["sunny", '"rain"'], "sunny. rain."),
        (['{"error": "no such city"}'], "That did not work: no such city."),
        ([""], "Done."),
        (["[1, 2, 3]"], "1, 2, 3."),
        (["true"], "yes."),
        (["null"], "Done."),
    ],
)  # fmt: skip
def test_results_of_tools_are_spoken(outputs: list[str], spoken: str) -> None:
    entries: list[Entry] = [Said("user", "x")]
    entries += [CalledTool(str(index), "f", "{}") for index in range(len(outputs))]
    entries += [ToolOutput(str(index), output) for index, output in enumerate(outputs)]
    assert answer(Context(entries)) == [Say(spoken)]


@pytest.mark.anyio
async def test_the_scripted_responder_takes_turns_knows_cues_and_echoes() -> None:
    responder = ScriptedResponder(["One."], cues={"special": ["Two.", Pace(1)]})
    responder.add("Three.")

    async def said(text: str) -> list[Step]:
        return [step async for step in responder.respond(Context([Said("user", text)]))]

    assert await said("a special line") == [Say("Two."), Pace(1)]
    assert await said("a") == [Say("One.")]
    assert await said("b") == [Say("Three.")]
    assert await said("c") == [Say("You said: c.")]


@pytest.mark.parametrize(
    ("asked", "room"),
    [
        ("Dim the lamp in the kitchen.", "kitchen"),
        ("Please dim the lamp in the living room.", "living room"),
        ("Dim the lamp in The Hague.", "The Hague"),
    ],
)
def test_a_room_is_a_place_and_loses_its_article(asked: str, room: str) -> None:
    parameters = {
        "type": "object",
        "properties": {"room": {"type": "string", "description": "Name of the room."}},
        "required": ["room"],
    }
    (call,) = steps(asked, tools=[Tool("dim_lamp", "Dim the lamp in a room.", parameters)])
    assert isinstance(call, Call)
    assert json.loads(call.arguments) == {"room": room}


def talk(*lines: str) -> list[str]:
    """What is said to each line of a conversation."""
    entries: list[Entry] = []
    for line in lines:
        entries.append(Said("user", line))
        said = answer(Context(entries, now=NOW))
        entries.append(Said("assistant", " ".join(s.text for s in said if isinstance(s, Say))))
    return [entry.text for entry in entries[1::2] if isinstance(entry, Said)]


def test_another_joke_is_another_until_all_were_told() -> None:
    told = talk("Tell me a joke.", *["Another one, please!"] * 4)
    assert sorted(told[:4]) == sorted(pastimes.JOKES)
    assert told[4] in pastimes.JOKES


def test_another_story_is_no_joke() -> None:
    assert talk("Tell me a long story.", "Tell me another one.") == list(pastimes.STORIES)


def test_another_of_nothing_is_beyond_it() -> None:
    assert "beyond me" in talk("Another one.")[0]


def test_an_interrupted_story_counts_as_told() -> None:
    before = [Said("user", "Tell me a story."), Said("assistant", pastimes.STORIES[0][:60])]
    assert says("Tell me another one.", before=before) == pastimes.STORIES[1]


@pytest.mark.parametrize(
    ("asked", "possible"),
    [
        ("Flip a coin.", {"Heads.", "Tails."}),
        ("Roll a dice, please.", {f"It is a {n}." for n in range(1, 7)}),
        ("Pick a number between three and five.", {"3.", "4.", "5."}),
        ("Give me a number from 5 to 3.", {"3.", "4.", "5."}),
    ],
)
def test_chance_has_all_its_outcomes_and_is_the_same_for_the_same_moment(
    asked: str, possible: set[str]
) -> None:
    entries: list[Entry] = []
    seen = set()
    for _ in range(60):
        entries += [Said("assistant", "x"), Said("user", asked)]
        first, again = answer(Context(entries, now=NOW)), answer(Context(entries, now=NOW))
        assert first == again
        assert isinstance(first[0], Say)
        seen.add(first[0].text)
    assert seen == possible


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Count to five.", "1, 2, 3, 4, 5."),
        ("Can you count down from three?", "3, 2, 1, 0."),
        ("Count to a million.", "That would take too long. I count to 30 at most."),
        ("What is my name?", "You have not told me yet."),
        ("What did I just say?", "Nothing before this."),
        ("Call me Ishmael.", "Nice to meet you, Ishmael."),
        ("No, I meant fifteen times two.", "That is 30."),
        ("Sorry, I said ten miles in kilometers.", "10 miles are 16.09 kilometers."),
        ("Are you a human?", "I'm the offline assistant: a few rules and no language model."),
        ("Is anyone there?", "Yes, I'm here."),
    ],
)
def test_pastimes(asked: str, answered: str) -> None:
    assert says(asked) == answered


@pytest.mark.parametrize("text", ["Call me a taxi.", "Call me back.", "Call me later!"])
def test_a_call_is_no_name(text: str) -> None:
    assert "Nice to meet you" not in says(text)


def test_what_was_said_in_the_conversation_is_known() -> None:
    assert talk("My name is anna.", "Thanks.", "What's my name?", "What did I just say?")[2:] == [
        "Your name is Anna.",
        "You said: What's my name?",
    ]
