"""The one file that the audio thread loads: both processors, which share the resampler."""

from __future__ import annotations

from .capture_worklet import CaptureProcessor
from .jsapi import registerProcessor
from .playback_worklet import PlaybackProcessor

registerProcessor("voice-capture", CaptureProcessor)
registerProcessor("voice-playback", PlaybackProcessor)
