"""The browser's Python and the server's dataclasses use the same names."""

from __future__ import annotations

import ast
import dataclasses
import typing
from pathlib import Path

import reflex_voice_audio.browser
from reflex_voice_audio import events as payloads
from reflex_voice_audio.browser import socket

from voice_loop.protocol import events, frames

BROWSER = Path(reflex_voice_audio.browser.__file__).parent
CLIENT = {kind.TYPE: kind for kind in events.CLIENT_EVENTS}
SERVER = {kind.TYPE: kind for kind in events.SERVER_EVENTS}


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(BROWSER.glob("*.py"))]


def sent_frames() -> list[tuple[str, set[str]]]:
    """Type and keys of every dict literal that is a client event."""
    found = []
    for tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Dict):
                continue
            keys = {key.value: value for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant)}  # fmt: skip
            kind = keys.get("type")
            if isinstance(kind, ast.Constant) and kind.value in CLIENT and "seq" in keys:
                found.append((str(kind.value), {str(key) for key in keys}))
    return found


def test_every_frame_the_browser_builds_has_fields_of_the_event_and_none_is_missing() -> None:
    for kind, keys in sent_frames():
        fields = {field.name: field for field in dataclasses.fields(CLIENT[kind])}
        assert keys <= {*fields, "type"}, kind
        required = {
            name
            for name, field in fields.items()
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        }
        assert required <= keys, kind


def test_the_browser_sends_every_client_event() -> None:
    reports = {"playback.report"}  # numbered where it is sent, not where it is made
    assert {kind for kind, _ in sent_frames()} | reports == set(CLIENT)


def test_the_browser_knows_every_server_event() -> None:
    text = {
        node.value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(SERVER) <= text


def test_the_constants_of_the_wire_agree() -> None:
    assert socket.SUBPROTOCOL == events.SUBPROTOCOL
    assert frames.HEADER.size == socket.HEADER_BYTES
    assert socket.MERGED_BYTES == frames.MAX_UP_PCM_BYTES


def test_the_payloads_of_the_triggers_are_the_servers_fields() -> None:
    for payload, event in (
        (payloads.TranscriptLine, events.TranscriptUpdate),
        (payloads.ToolCall, events.ToolUpdate),
        (payloads.VoiceError, events.ErrorEvent),
        (payloads.Speech, events.UserSpeech),
    ):
        fields = {field.name for field in dataclasses.fields(event)} - {"seq"}
        assert set(typing.get_type_hints(payload)) == fields, payload.__name__
    report = {field.name for field in dataclasses.fields(events.PlaybackReport)}
    assert set(typing.get_type_hints(payloads.Playback)) == report - {"seq", "received_seq"}
