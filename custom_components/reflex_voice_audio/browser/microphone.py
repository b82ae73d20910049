"""The microphone's side: permission, device, capture worklet.

Gets the stream inside the person's gesture, keeps the conversation alive when a device goes away or
another comes, and says in one code what went wrong. It does not know where the chunks go.
"""

from __future__ import annotations

from typing import Any

from .choice import remember
from .jsapi import JSON, AudioWorkletNode, Int16Array, navigator

SILENT_CHUNKS = 150
"""Three seconds of nothing but zeros: no microphone is that quiet."""


def refusal(error: Any) -> str:
    """The failure code of a getUserMedia error."""
    name = error.name
    if name == "NotAllowedError" or name == "SecurityError":
        if len(error.message.split("dismissed")) > 1:
            return "microphone_dismissed"
        return "microphone_denied"
    if name == "NotFoundError" or name == "OverconstrainedError":
        return "microphone_missing"
    return "microphone_busy"


class Microphone:
    """One conversation's microphone.

    The listener has on_capturing(microphone), on_pcm(message), on_speech(message),
    on_device(changes), on_failure(code) (it cannot begin), on_trouble(code) (it goes on) and
    on_mended(about).
    `choice` has input_id, muted and the three constraints.
    """

    def __init__(self, context: Any, choice: Any, listener: Any) -> None:
        self.context = context
        self.choice = choice
        self.listener = listener
        self.node: Any = None
        self.stream: Any = None
        self.track: Any = None
        self.source: Any = None
        self.reference: Any = None
        self.is_loaded: bool = False
        self.is_closed: bool = False
        self.is_lost: bool = False
        self.is_asking: bool = False
        self.is_silent: bool = False
        self.zeros = 0
        self.asked_id = ""

    def acquire(self) -> None:
        """Ask for the stream; called inside a gesture the first time."""
        if self.is_asking or self.is_closed:
            return
        self.is_asking = True
        choice = self.choice
        self.asked_id = choice.input_id
        audio = {
            "channelCount": 1,
            "echoCancellation": choice.echo_cancellation,
            "noiseSuppression": choice.noise_suppression,
            "autoGainControl": choice.auto_gain_control,
            "deviceId": {"ideal": choice.input_id},
        }
        navigator.mediaDevices.getUserMedia({"audio": audio}).then(self.on_stream, self.on_refused)

    def on_stream(self, stream: Any) -> None:
        self.is_asking = False
        was_lost = self.is_lost
        self.is_lost = False
        self.release()
        self.stream = stream
        if self.is_closed:
            self.release()
            return
        track = stream.getAudioTracks()[0]
        self.track = track
        track.enabled = self.choice.muted is False
        track.onended = self.on_ended
        track.onmute = self.on_track_mute
        track.onunmute = self.on_track_mute
        self.source = self.context.createMediaStreamSource(stream)
        self.zeros = 0
        self.is_silent = False
        self.connect()
        settings = track.getSettings()
        self.listener.on_device(
            {
                "microphone": True,
                "input": track.label,
                "input_id": settings.deviceId,
                "echo_cancellation": settings.echoCancellation,
                "silent": False,
                "blocked": track.muted,
            }
        )
        if was_lost:
            self.listener.on_mended("microphone")
        self.follow_choice()

    def follow_choice(self) -> None:
        """Another one may have been chosen while the browser asked for this."""
        if self.asked_id != self.choice.input_id:
            self.acquire()

    def on_refused(self, error: Any) -> None:
        self.is_asking = False
        if self.is_closed:
            return
        code = refusal(error)
        if self.track is None:
            self.listener.on_failure(code)
        elif self.is_lost:
            if code != "microphone_denied":
                code = "microphone_lost"
            self.listener.on_trouble(code)
        else:
            # Another one was chosen and cannot be had: the one before goes on.
            self.listener.on_trouble("input_unavailable")
            if self.asked_id == self.choice.input_id:
                self.asked_id = self.track.getSettings().deviceId
                self.choice.input_id = self.asked_id
                remember("input", self.asked_id)
                self.listener.on_device({"input_id": self.asked_id})
        self.follow_choice()

    def on_ended(self, _event: Any) -> None:
        """Unplugged, or the permission was taken back: whatever there is now shall do."""
        self.release()
        self.is_lost = True
        self.listener.on_device({"microphone": False})
        self.acquire()

    def on_track_mute(self, _event: Any) -> None:
        self.listener.on_device({"blocked": self.track.muted})

    def on_devices_changed(self) -> None:
        """Another device may be in use now: the echo's way is a new one."""
        self.choice.learned = None
        self.post({"type": "relearn"}, [])
        if self.is_lost:
            self.acquire()

    def attach(self, reference: Any) -> None:
        """The worklet's file is loaded; `reference` is what the speaker plays, or None."""
        self.is_loaded = True
        self.reference = reference
        self.connect()

    def connect(self) -> None:
        """With the first stream the capture node begins, so position 0 is its first sample."""
        if not self.is_loaded or self.source is None:
            return
        if self.node is None:
            self.node = AudioWorkletNode(
                self.context,
                "voice-capture",
                {"numberOfInputs": 2, "numberOfOutputs": 1, "outputChannelCount": [1]},
            )
            self.node.port.onmessage = self.on_message
            self.node.onprocessorerror = self.on_error
            self.node.connect(self.context.destination)
            if self.reference is not None:
                self.reference.connect(self.node, 0, 1)
            self.set_muted(self.choice.muted)
            self.listener.on_capturing(self)
        self.source.connect(self.node, 0, 0)
        settings = self.track.getSettings()
        if settings.latency is not None:
            self.post({"type": "latency", "seconds": settings.latency}, [])
        learned = self.choice.learned
        if learned is not None and learned["way"] == self.way():
            self.post({"type": "learned", "echo": learned["echo"]}, [])
        else:
            self.post({"type": "relearn"}, [])

    def way(self) -> str:
        """From which loudspeaker to which microphone, and through what: whose echo it is."""
        settings = self.track.getSettings()
        parts = [settings.deviceId, self.choice.output_id, settings.echoCancellation]
        return str(JSON.stringify(parts))

    def on_error(self, _event: Any) -> None:
        self.listener.on_failure("worklet_failed")

    def post(self, message: Any, transfer: Any) -> None:
        if self.node is not None:
            self.node.port.postMessage(message, transfer)

    def set_muted(self, muted: bool) -> None:
        """A muted track also puts out the browser's recording light, where it has one."""
        if self.track is not None:
            self.track.enabled = not muted
        self.post({"type": "mute", "muted": muted}, [])

    def on_message(self, event: Any) -> None:
        message = event.data
        if message.type == "pcm":
            self.listen_for_silence(message.pcm)
            self.listener.on_pcm(message)
        elif message.type == "learned":
            self.choice.learned = {"way": self.way(), "echo": message.echo}
        elif message.type == "speech":
            self.listener.on_speech(message)

    def listen_for_silence(self, pcm: Any) -> None:
        """Digital zeros for seconds are a dead device or a hardware switch, not a quiet room."""
        samples = Int16Array(pcm)
        self.zeros += 1
        for i in range(0, len(samples), 16):
            if samples[i] != 0:
                self.zeros = 0
        silent = self.zeros > SILENT_CHUNKS and not self.is_lost
        if silent != self.is_silent:
            self.is_silent = silent
            self.listener.on_device({"silent": silent})

    def release(self) -> None:
        """Give the device back: the recording light goes out."""
        if self.source is not None:
            self.source.disconnect()
            self.source = None
        if self.stream is not None:
            tracks = self.stream.getTracks()
            for i in range(len(tracks)):
                tracks[i].onended = None
                tracks[i].stop()
            self.stream = None

    def close(self) -> None:
        self.is_closed = True
        self.post({"type": "stop"}, [])
        self.release()
