"""The process' telemetry as Prometheus metrics, by `prometheus-client`.

With `PROMETHEUS_MULTIPROC_DIR` set (that library's own variable: an empty folder all workers share)
any worker answers for all of them; without it each answers for itself. Nothing is imported or made
before the server starts, because the library reads its variable when it is imported. Who may read
the page is the server's matter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voice_loop.errors import ConfigError
from voice_loop.latency.budget import BUDGET, FIGURES, FigureName
from voice_loop.telemetry.process import COUNTERS, CounterName

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

MULTIPROC_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
PREFIX: Final = "voice_loop_"
_STEPS_MS: Final = (1, 2, 5, 10, 25, 50, 100, 150, 250, 400, 600, 900, 1_200, 2_000, 5_000)
# The budget's own limits are among the buckets, so that a rate against them can be computed.
BUCKETS_MS: Final = tuple(sorted({*map(float, _STEPS_MS), *(t.limit_ms for t in BUDGET)}))
FIGURE_HELP: Final[dict[FigureName, str]] = {
    "ttfb_ms": "Turn end known at the server to the answer's first audio there.",
    "turn_latency_ms": "Turn end known at the server to the first audible sample.",
    "voice_to_voice_ms": "Acoustic end of speech to the first audible sample.",
    "barge_in_stop_ms": "Acoustic onset of the interruption to the last audible sample.",
    "relay_up_ms": "Chunk received from the page to handed to the provider.",
    "relay_down_ms": "Audio received from the provider to handed to the page.",
}


def metric_name(figure: FigureName) -> str:
    """Prometheus wants seconds."""
    return f"{PREFIX}{figure.removesuffix('_ms')}_seconds"


class PrometheusSink:
    """Implements `process.Sink`. Raises ConfigError for a folder that is none."""

    def __init__(self) -> None:
        folder = os.environ.get(MULTIPROC_VARIABLE)
        if folder is not None and not Path(folder).is_dir():
            raise ConfigError(
                f"{MULTIPROC_VARIABLE} names no folder. Make an empty one before the server "
                "starts, shared by all its workers, or leave the variable out."
            )
        # Imported here: the library decides by its variable, once, between one process and many.
        import prometheus_client

        self._several = folder is not None
        self._registry = prometheus_client.CollectorRegistry()
        self._sessions = prometheus_client.Gauge(
            f"{PREFIX}sessions",
            "Sessions alive.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._sessions.set(0)
        self._counters = {
            name: prometheus_client.Counter(
                PREFIX + name,
                counter.help,
                () if counter.label is None else (counter.label,),
                registry=self._registry,
            )
            for name, counter in COUNTERS.items()
        }
        buckets = [limit_ms / 1000 for limit_ms in BUCKETS_MS]
        self._histograms = {
            name: prometheus_client.Histogram(
                metric_name(name), FIGURE_HELP[name], buckets=buckets, registry=self._registry
            )
            for name in FIGURES
        }

    def count(self, name: CounterName, by: int, label: str | None) -> None:
        counter = self._counters[name]
        (counter if label is None else counter.labels(label)).inc(by)

    def observe(self, figure: FigureName, value_ms: float) -> None:
        self._histograms[figure].observe(value_ms / 1000)

    def sessions(self, by: int) -> None:
        self._sessions.inc(by)

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and body in the format that `accept` asks for. Reads files with several
        workers: not for the event loop."""
        from prometheus_client.exposition import choose_encoder

        encode: Any
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self._collected())

    def _collected(self) -> CollectorRegistry:
        if not self._several:
            return self._registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry

    def close(self) -> None:
        """This worker's sessions are no longer alive, whatever its files say."""
        if self._several:
            from prometheus_client.multiprocess import mark_process_dead

            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
