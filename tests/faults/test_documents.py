"""The tables of faults and threats name tests that exist, and figures that the code holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from voice_loop.config import Limits
from voice_loop.errors import ERRORS
from voice_loop.server import endpoint
from voice_loop.session import link, outbox

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("reliability", "security")


def text_of(document: str) -> str:
    return (ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8")


def known_tests() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_table_names_exists(document: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of(document)))
    assert len(named) >= 9
    assert named <= known_tests(), named - known_tests()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_row_of_a_table_of_faults_names_its_test(document: str) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", text_of(document), re.M)
    held = [
        table.splitlines()
        for table in tables
        if table.splitlines()[0].rsplit("|", 2)[1].strip() in ("test", "held by")
    ]
    rows = [row for _, _, *body in held for row in body]
    assert len(rows) >= 9
    bare = [row for row in rows if "`test_" not in row.rsplit("|", 2)[1]]
    assert bare == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_sentence_in_quotes_is_what_the_person_reads(document: str) -> None:
    shown = " ".join(row.message for row in ERRORS.values())
    for path in (
        ROOT / "custom_components/reflex_voice_audio/failures.py",
        ROOT / "voice_loop/ui/state.py",
        ROOT / "voice_loop/ui/phases.py",
    ):
        shown += " ".join(path.read_text(encoding="utf-8").split())
    for quoted in re.findall(r"\"([A-Z\u2026][^\"]+)\"", text_of(document)):
        for piece in filter(None, quoted.split("\u2026")):
            assert piece in shown, piece


def test_the_bounds_are_those_of_the_code() -> None:
    limits, text = Limits(), text_of("reliability")
    assert f"{limits.resume_ms / 1000:g} s" in text
    assert f"{limits.max_held_ms / 1000:g} s an item" in text
    assert f"{limits.unread_ms / 1000:g} s without any acknowledgement" in text
    assert f"after {limits.first_audio_timeout_ms / 1000:g} s" in text
    assert f"after {limits.connect_timeout_ms / 1000:g} s a card" in text
    assert f"{limits.idle_ms / 60_000:g} minutes" in text
    assert f"{outbox.MAX_BYTES // 1_000_000} MB, {outbox.MAX_FRAMES:,}".replace(",", " ") in (
        text.replace("MB,", "MB ")
    )
    assert f"{link.HELD_FIRST_MS // 1000} s of audio, {link.MAX_COMMANDS:,}".replace(
        ",", " "
    ) in text.replace("audio,", "audio ")
    security = text_of("security")
    assert f"{limits.start_timeout_ms / 1000:g} s to show" in security
    assert f"At most {endpoint.MAX_UNADMITTED} sockets" in security
    assert f"{endpoint.MAX_UNADMITTED_PER_ADDRESS} from one" in security
