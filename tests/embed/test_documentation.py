"""What the documentation shows is what is tested, and public names change only on purpose."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import reflex as rx
import reflex_voice_audio
from reflex_base.registry import RegistrationContext

import voice_loop
import voice_loop.tools
from tests.embed.packaging import ROOT
from voice_loop.embed import VoiceLoop
from voice_loop.ui.state import VoiceState

EXAMPLES = ROOT / "docs" / "examples"
GUIDE = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An app's module, in a registry of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", ["README.md", "docs/embedding.md"])
def test_the_example_is_the_file_that_is_tested(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    code = (EXAMPLES / "my_app" / "my_app" / "my_app.py").read_text(encoding="utf-8")
    assert f"```python\n{code}```" in text


@pytest.mark.parametrize(
    "path",
    [
        EXAMPLES / "my_app" / "my_app" / "my_app.py",
        EXAMPLES / "todo" / "todo" / "todo.py",
        ROOT / "tests" / "embed" / "foreign_app" / "workshop" / "workshop.py",
    ],
    ids=lambda path: path.stem,
)
def test_an_example_is_a_whole_app(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = RegistrationContext.set(RegistrationContext.ensure_context().fork())
    try:
        module = load(path, monkeypatch)
        app: Any = module.app
        assert isinstance(app, rx.App)
        assert isinstance(module.index(), rx.Component)
        assert module.voice.api in vars(app)["api_transformer"]
        assert module.voice.unavailable() != "not_attached"
    finally:
        RegistrationContext.reset(token)


def test_the_public_names_are_these() -> None:
    assert set(voice_loop.__all__) == {
        "Settings", "ToolContext", "ToolError", "VoiceLoop", "VoiceLoopError", "__version__",
        "tool", "tool_result",
    }  # fmt: skip
    for name in voice_loop.__all__:
        assert getattr(voice_loop, name) is not None
    assert set(voice_loop.tools.__all__) == {
        "ArgumentsSchema", "FunctionTool", "Runner", "ToolAdapter", "ToolContext", "ToolError",
        "ToolOutcome", "ToolSet",
    }  # fmt: skip
    assert set(reflex_voice_audio.__all__) == {
        "FAILURES", "VoiceAudio", "deliver_ticket", "end", "interrupt", "microphone", "order",
        "refuse", "send_command", "send_text", "set_devices", "set_muted", "set_options",
        "set_volume", "speaker", "voice_audio",
    }  # fmt: skip


def test_a_voice_loop_offers_these() -> None:
    assert {name for name in dir(VoiceLoop) if not name.startswith("_")} == {
        "api", "attach", "audio", "component_id", "controls", "debug_overlay", "end", "find",
        "greeting", "interrupt", "issue_ticket", "lifespan", "message", "notices", "open_order",
        "provider_badge", "say", "set_instructions", "set_tools", "settings_panel",
        "sign_command", "sign_download", "talk_button", "transcript", "unavailable",
    }  # fmt: skip


def test_the_guide_names_what_there_is() -> None:
    for method in set(re.findall(r"`voice\.(\w+)\(", GUIDE)):
        assert hasattr(VoiceLoop, method), method
    table = GUIDE[GUIDE.index("| var |") : GUIDE.index("`state.session` is")]
    for var in re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE))):
        assert var in VoiceState.vars, var
    parameters = re.search(r"`VoiceLoop\((settings=.*?)\)`", GUIDE)
    assert parameters is not None
    given = {name.split("=")[0] for name in parameters[1].split(", ")} - {"*"}
    assert given == set(inspect.signature(VoiceLoop).parameters) - {"environ"}
