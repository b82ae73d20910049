"""Time, dates and days, as asked and as spoken. Pure: the moment is given."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

from voice_loop.local.brain import places
from voice_loop.local.brain.numbers import ordinal, with_digits
from voice_loop.local.brain.smalltalk import ASKED

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_HOLIDAYS: Final = {
    "christmas": (12, 25),
    "christmas eve": (12, 24),
    "new year": (1, 1),
    "new year's eve": (12, 31),
    "halloween": (10, 31),
    "valentine's day": (2, 14),
}
_SPAN_DAYS: Final = {"day": 1, "week": 7, "fortnight": 14}
_SPAN_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?) (second|minute|hour)s?\b")
_LONGEST_S: Final = 7 * 86_400
_NOW: Final = (
    r"(?: |it is|right|now|please|here|today|at the moment|currently|there|again|in this room)*"
)
_IN_SPAN: Final = r"(?:in )?(?:\d[\d.]* [a-z]+(?: and)? ?)+(?:from now|later|ago)?"
_PLACE: Final = re.compile(r"(?:now |right now )?(?:in|at) (?P<place>[a-z][a-z .'-]*?)" + _NOW)
_TIME: Final = re.compile(
    ASKED + r"(?:do you know |do you have |tell me |say |you know )*"
    r"(?:what(?:'s| is) the (?:current |exact )?time|the time|time please"
    r"|what time(?: (?:is it|it is|was it|will it be|it was|it will be))?)(?: is it)?"
    r"(?P<rest>(?: .*)?)$"
)
_IS_IT: Final = r"(?: (?:is it|it is|is this|are we in|do we have|now|right now|please|today))*"
_DAY: Final = re.compile(
    r"\b(?:what|which) (?:day|date)\b|\btoday's date\b"
    r"|\b(?:what(?:'s| is| was| will)|tell me) (?:be )?(?:the |today's )?(?:current )?"
    r"(?:day|date)\b"
)
_SPANS_IN_WORDS: Final = (
    (re.compile(r"\b(?:an?|1) hour and a half\b"), "90 minutes"),
    (re.compile(r"\b(\d+) and a half (hour|minute|day|week)"), r"\1.5 \2"),
    (re.compile(r"\bhalf an hour\b"), "30 minutes"),
    (re.compile(r"\bquarter of an hour\b"), "15 minutes"),
    (re.compile(r"\b(?:an?|one) (?=(?:second|minute|hour)\b)"), "1 "),
)
_TIMER: Final = re.compile(
    ASKED + r"(?:(?:set|start|make|give|create|need|i need|i want)\b.*\b(?:timer|alarm)\b"
    r"|timer\b|(?:remind|wake) me\b)"
)
_OTHER_DAY: Final = {-1: ", yesterday", 0: "", 1: ", tomorrow"}


def say_time(moment: datetime) -> str:
    """`3:05 PM`."""
    return f"{moment.hour % 12 or 12}:{moment.minute:02d} {'AM' if moment.hour < 12 else 'PM'}"


def say_date(day: date, today: date) -> str:
    """`Friday, March 5`, with the year when it is another."""
    text = f"{DAYS[day.weekday()].capitalize()}, {MONTHS[day.month - 1].capitalize()} {day.day}"
    return text if day.year == today.year else f"{text}, {day.year}"


def answer(text: str, now: datetime) -> str | None:
    """The answer to a question about time or date; None when the text is not one."""
    lowered = spoken_spans(text)
    today = now.date()
    if match := _TIME.match(lowered):
        return _time(match["rest"].strip(), now)
    if match := re.search(
        r"\bhow (?:many days|long)(?: is it)? (?:until|till|to|before) (.+)", lowered
    ):
        return _days_until(match[1], today)
    if re.search(rf"\b(?:what|which) year{_IS_IT}$|\bthe current year$", lowered):
        return f"It is {today.year}."
    if re.search(rf"\b(?:what|which) month{_IS_IT}$|\bthe current month$", lowered):
        return f"It is {MONTHS[today.month - 1].capitalize()}."
    if re.fullmatch(
        r"(?:and |what about |how about )*(?:the |today's )?date(?: today| please)*", lowered
    ):
        return f"Today is {say_date(today, today)}."
    if _DAY.search(lowered) and not re.search(r"\bcomes?\b|\bbring\b", lowered):
        return _which_day(lowered, today)
    return None


def spoken_spans(text: str) -> str:
    """Lower case, numbers in digits, no punctuation, spans as numbers of units."""
    spoken = re.sub(r"[^\w\s'’.-]|\.(?!\d)", " ", text).replace("’", "'")
    words = " ".join(with_digits(spoken)).replace(" '", "'")
    for pattern, written in _SPANS_IN_WORDS:
        words = pattern.sub(written, words)
    return words


def _time(rest: str, now: datetime) -> str | None:
    """`rest`: what follows `what time is it`. None when it asks for something else."""
    if re.fullmatch(_NOW, rest):
        return f"It is {say_time(now)}."
    if re.fullmatch(_IN_SPAN, rest) and (spans := _SPAN.findall(rest)):
        verb = "was" if "ago" in rest else "will be"
        return f"That {verb} {say_time(now + _sum(spans, rest))}."
    match = _PLACE.fullmatch(rest)
    if match is None:
        return None
    local = places.there(match["place"], now)
    if local is None:
        return f"I don't know the time there. Here it is {say_time(now)}."
    return f"It is {say_time(local)} there{_OTHER_DAY[(local.date() - now.date()).days]}."


def _sum(spans: list[tuple[str, str]], words: str) -> timedelta:
    seconds = sum(float(amount) * _SPAN_SECONDS[unit] for amount, unit in spans)
    return timedelta(seconds=min(seconds, _LONGEST_S)) * (-1 if "ago" in words else 1)


def _days_until(words: str, today: date) -> str | None:
    day = _named_day(words, today)
    if day is None:
        return None
    count = (day - today).days
    if count == 0:
        return "That is today."
    unit = "day" if abs(count) == 1 else "days"
    if count < 0:
        return f"That was {-count} {unit} ago."
    return f"It is {count} {unit} until {say_date(day, today)}."


def _which_day(words: str, today: date) -> str | None:
    if shift := _shift_days(words):
        return _tell(today + timedelta(days=shift), today)
    named = _named_day(words, today)
    if named is not None:
        was = re.search(r"\bwas\b", words) and not re.search(r"\b\d{4}\b", words)
        day = _year_before(named) if was and named > today else named
        return _tell(day, today) if day is not None else None
    if re.search(r"\bin [a-z]+$", words):
        return None
    about_now = re.search(
        r"\btoday\b|\bday is it\b|\bthe (?:current )?(?:date|day)\b|\bdate is it\b", words
    )
    return f"Today is {say_date(today, today)}." if about_now else None


def _year_before(day: date) -> date | None:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return None


def _tell(day: date, today: date) -> str:
    verb = "was" if day < today else "is"
    return f"That {verb} {say_date(day, today)}."


def _shift_days(words: str) -> int:
    if "day after tomorrow" in words:
        return 2
    if "day before yesterday" in words:
        return -2
    if "tomorrow" in words:
        return 1
    if "yesterday" in words:
        return -1
    match = re.search(r"(\d+) (day|week|fortnight)s?\b(.*)", words)
    if not match:
        return 0
    days = min(int(match[1]), 100_000) * _SPAN_DAYS[match[2]]
    return -days if re.search(r"\bago\b|\bbefore\b", match[3]) else days


def _named_day(words: str, today: date) -> date | None:
    for name, (month, day_of_month) in sorted(_HOLIDAYS.items(), key=lambda row: -len(row[0])):
        if name in words:
            return _next(month, day_of_month, today)
    for index, month_name in enumerate(MONTHS, start=1):
        match = re.search(rf"\b{month_name}\b(?: the)? (\w+)(?:(?: ,)? (\d{{4}}))?", words)
        if match and (after := ordinal(match[1])) is not None:
            return _date(int(match[2]) if match[2] else None, index, after, today)
        match = re.search(rf"(\w+) (?:of )?{month_name}\b(?: (\d{{4}}))?", words)
        if match and (before := ordinal(match[1])) is not None:
            return _date(int(match[2]) if match[2] else None, index, before, today)
    for index, name in enumerate(DAYS):
        if re.search(rf"\blast {name}\b", words):
            return today - timedelta(days=(today.weekday() - index) % 7 or 7)
        if re.search(rf"\b{name}\b", words):
            return today + timedelta(days=(index - today.weekday()) % 7 or 7)
    return None


def _date(year: int | None, month: int, day: int, today: date) -> date | None:
    try:
        return date(year, month, day) if year else _next(month, day, today)
    except ValueError:
        return None


def _next(month: int, day: int, today: date) -> date | None:
    for year in range(today.year, today.year + 9):
        try:
            if (found := date(year, month, day)) >= today:
                return found
        except ValueError:
            continue
    return None


def timer(text: str, now: datetime) -> str | None:
    """What to say about a timer or a reminder: when it would be over, and that nothing rings."""
    words = spoken_spans(text)
    if not _TIMER.match(words):
        return None
    spans = _SPAN.findall(words)
    if not spans:
        if re.search(r"\b(?:remind|wake) me\b|\balarm\b.*\d", words):
            return "I can't ring or remind you of anything later."
        return "For how long? I can't ring, but I can tell you when it ends."
    seconds = sum(float(amount) * _SPAN_SECONDS[unit] for amount, unit in spans)
    if seconds > _LONGEST_S:
        return "That's too long for me. A week is my limit."
    over = now + timedelta(seconds=seconds)
    return f"That will be at {say_time(over)}. I can't ring, so keep an eye on it."
