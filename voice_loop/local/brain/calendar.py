"""Time, dates and days, as asked and as spoken. Pure: the moment is given."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

from voice_loop.local.brain import places
from voice_loop.local.brain.numbers import ordinal, with_digits

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
_PLACE: Final = re.compile(
    r"\b(?:in|at) (?P<place>(?!(?:the )?(?:moment|morning|afternoon|evening)\b)[a-z][a-z .'-]*?)"
    r"(?: right| now| at the moment| please)*[ ?.!]*$"
)
_HERE: Final = frozenset({"here", "this place", "your place", "this room"})
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
    lowered = " ".join(with_digits(text)).replace(" '", "'")
    today = now.date()
    if re.search(r"\bwhat(?:'s| is)? (?:the )?time|\btime is it|\btell me the time", lowered):
        return _time(lowered, now)
    if match := re.search(
        r"\bhow (?:many days|long)(?: is it)? (?:until|till|to|before) (.+)", lowered
    ):
        return _days_until(match[1], today)
    if re.search(r"\b(?:what|which|tell me the)\b.*\b(?:day|date|month|year)\b", lowered):
        return _which_day(lowered, today)
    return None


def _time(words: str, now: datetime) -> str:
    if spans := _SPAN.findall(words):
        return (
            f"That {'was' if 'ago' in words else 'will be'} {say_time(now + _sum(spans, words))}."
        )
    match = _PLACE.search(words)
    if match is None or match["place"] in _HERE:
        return f"It is {say_time(now)}."
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
    if re.search(r"\bwhat year\b|\bwhich year\b", words):
        return f"It is {today.year}."
    if re.search(r"\b(?:what|which) month\b", words):
        return f"It is {MONTHS[today.month - 1].capitalize()}."
    if shift := _shift_days(words):
        return _tell(today + timedelta(days=shift), today)
    named = _named_day(words, today)
    if named is not None:
        return _tell(named, today)
    about_now = re.search(
        r"\btoday\b|\bday is it\b|\bthe (?:current )?(?:date|day)\b|\bdate is it\b", words
    )
    return f"Today is {say_date(today, today)}." if about_now else None


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
    words = " ".join(with_digits(text))
    if not re.search(r"\b(?:timer|alarm|remind me|wake me)\b", words):
        return None
    spans = _SPAN.findall(words)
    if not spans:
        if re.search(r"\b(?:remind|wake) me\b", words):
            return "I can't ring or remind you of anything later."
        return "For how long? I can't ring, but I can tell you when it ends."
    seconds = sum(float(amount) * _SPAN_SECONDS[unit] for amount, unit in spans)
    if seconds > _LONGEST_S:
        return "That's too long for me. A week is my limit."
    over = now + timedelta(seconds=seconds)
    return f"That will be at {say_time(over)}. I can't ring, so keep an eye on it."
