"""What operators read, from the server's start to its end: the `/metrics` page and the spans.

exporter = Exporter(telemetry, clock)
with exporter.running():
    content_type, body = exporter.render(accept)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from voice_loop.latency.clock import Clock
from voice_loop.telemetry.process import ProcessTelemetry
from voice_loop.telemetry.prometheus import PrometheusSink
from voice_loop.telemetry.tracing import SpanWriter, open_tracer

NOTHING_YET = ("text/plain; charset=utf-8", b"")


class Exporter:
    """Made at import, it opens nothing."""

    def __init__(self, telemetry: ProcessTelemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._sink: PrometheusSink | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Export what is counted meanwhile. Raises ConfigError for a setting that cannot work."""
        sink = self._sink = PrometheusSink()
        tracer = open_tracer()
        self._telemetry.feed(sink)
        self._telemetry.turns = SpanWriter(tracer, self._clock) if tracer is not None else None
        try:
            yield
        finally:
            self._telemetry.feed(None)
            self._telemetry.turns = None
            sink.close()
            self._sink = None

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and body of the metrics page; blocks for some milliseconds."""
        return NOTHING_YET if self._sink is None else self._sink.render(accept)
