"""What Prometheus reads, judged by the parser that reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from voice_loop.errors import ConfigError
from voice_loop.latency.budget import BUDGET, FIGURES
from voice_loop.latency.clock import ManualClock
from voice_loop.telemetry.exporter import NOTHING_YET, Exporter
from voice_loop.telemetry.process import COUNTERS, ProcessTelemetry
from voice_loop.telemetry.prometheus import BUCKETS_MS, MULTIPROC_VARIABLE, metric_name

ROOT = Path(__file__).resolve().parents[2]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def telemetry() -> ProcessTelemetry:
    return ProcessTelemetry()


def read(text: str) -> Samples:
    """Name and labels → value, as a scraper takes them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(exporter: Exporter) -> Samples:
    content_type, body = exporter.render("")
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    return read(body.decode())


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_counters_and_live_sessions_are_told(telemetry: ProcessTelemetry) -> None:
    exporter = Exporter(telemetry, ManualClock())
    with exporter.running():
        telemetry.session_began()
        telemetry.session_began()
        telemetry.session_over()
        telemetry.count("sessions_started", 1, "local")
        telemetry.count("errors", 2, "provider_lost")
        telemetry.count("audio_bytes", 960, "up")
        telemetry.count("interruptions")
        samples = scrape(exporter)
    assert value(samples, "voice_loop_sessions") == 1
    assert value(samples, "voice_loop_sessions_started_total", provider="local") == 1
    assert value(samples, "voice_loop_errors_total", code="provider_lost") == 2
    assert value(samples, "voice_loop_audio_bytes_total", direction="up") == 960
    assert value(samples, "voice_loop_interruptions_total") == 1


def test_each_latency_is_a_histogram_in_seconds(telemetry: ProcessTelemetry) -> None:
    exporter = Exporter(telemetry, ManualClock())
    with exporter.running():
        for figure in FIGURES:
            telemetry.latency.add(figure, 300)
        samples = scrape(exporter)
    for figure in FIGURES:
        name = metric_name(figure)
        assert value(samples, f"{name}_bucket", le="0.25") == 0
        assert value(samples, f"{name}_bucket", le="0.4") == 1
        assert value(samples, f"{name}_bucket", le="+Inf") == 1
        assert value(samples, f"{name}_sum") == pytest.approx(0.3)
        assert value(samples, f"{name}_count") == 1


def test_each_limit_of_the_budget_is_a_bucket() -> None:
    assert {target.limit_ms for target in BUDGET} <= set(BUCKETS_MS)


def test_every_counter_can_be_counted(telemetry: ProcessTelemetry) -> None:
    exporter = Exporter(telemetry, ManualClock())
    with exporter.running():
        for name, counter in COUNTERS.items():
            telemetry.count(name, 1, None if counter.label is None else "x")
        samples = scrape(exporter)
    for name, counter in COUNTERS.items():
        labels = {} if counter.label is None else {counter.label: "x"}
        assert value(samples, f"voice_loop_{name}_total", **labels) == 1


def test_a_label_with_endless_values_is_bounded_for_the_scraper_too(
    telemetry: ProcessTelemetry,
) -> None:
    exporter = Exporter(telemetry, ManualClock())
    with exporter.running():
        for number in range(500):
            telemetry.count("tokens", 1, f"kind_{number}")
        samples = scrape(exporter)
    series = [name for name, _ in samples if name == "voice_loop_tokens_total"]
    assert len(series) == 201
    assert value(samples, "voice_loop_tokens_total", kind="other") == 300


def test_a_scraper_that_asks_for_openmetrics_gets_it(telemetry: ProcessTelemetry) -> None:
    exporter = Exporter(telemetry, ManualClock())
    with exporter.running():
        content_type, body = exporter.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")


def test_before_the_start_and_after_the_end_there_is_nothing(telemetry: ProcessTelemetry) -> None:
    exporter = Exporter(telemetry, ManualClock())
    assert exporter.render("") == NOTHING_YET
    with exporter.running():
        assert exporter.render("") != NOTHING_YET
    assert exporter.render("") == NOTHING_YET
    telemetry.count("answers")
    telemetry.latency.add("ttfb_ms", 1)
    assert telemetry.turns is None


def test_nothing_of_it_is_imported_before_the_start() -> None:
    program = (
        "import sys, voice_loop.telemetry.exporter;"
        "print([m for m in ('prometheus_client', 'opentelemetry') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_shared_folder_that_is_none_stops_the_start(
    telemetry: ProcessTelemetry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(MULTIPROC_VARIABLE, str(tmp_path / "missing"))
    running = Exporter(telemetry, ManualClock()).running()
    with pytest.raises(ConfigError, match=MULTIPROC_VARIABLE), running:
        pass


WORKER = """
import sys
from voice_loop.latency.clock import ManualClock
from voice_loop.telemetry.exporter import Exporter
from voice_loop.telemetry.process import ProcessTelemetry

telemetry = ProcessTelemetry()
exporter = Exporter(telemetry, ManualClock())
with exporter.running():
    telemetry.session_began()
    telemetry.count("answers", int(sys.argv[1]))
    telemetry.latency.add("ttfb_ms", 300)
    print("ready", flush=True)
    sys.stdin.readline()
    sys.stdout.write(exporter.render("")[1].decode())
"""


def worker(folder: Path, answers: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(answers)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, MULTIPROC_VARIABLE: str(folder)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_with_several_workers_each_answers_for_all(tmp_path: Path) -> None:
    first, second = worker(tmp_path, 2), worker(tmp_path, 3)
    both = read(first.communicate("\n", timeout=30)[0])
    assert value(both, "voice_loop_answers_total") == 5
    assert value(both, "voice_loop_sessions") == 2
    assert value(both, "voice_loop_ttfb_seconds_count") == 2
    # The first has ended: what it counted stays, its sessions are gone.
    rest = read(second.communicate("\n", timeout=30)[0])
    assert value(rest, "voice_loop_answers_total") == 5
    assert value(rest, "voice_loop_sessions") == 1
    assert first.returncode == second.returncode == 0
