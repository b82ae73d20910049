"""One conversation, from Talk to End: microphone, socket and player joined.

Everything is made anew for each Talk and given back at its end, so nothing of an old one can come
back: not its microphone, not its audio, not its turn. Holds the state machine of the browser; what
the person clicks is `voice.py`, what goes over the wire is `socket.py`.
"""

from __future__ import annotations

from typing import Any

from .audio_tap import AudioTap
from .context_clock import ContextClock
from .floor import Floor
from .jsapi import (
    URL,
    AudioContext,
    Math,
    MessageChannel,
    clearTimeout,
    setTimeout,
)
from .meter import Meter
from .microphone import Microphone
from .player import Player
from .socket import VoiceSocket

TICKET_TIMEOUT_MS = 10000
RENEWALS = 3
FADE_OUT_MS = 60


class Conversation:
    """`voice` has props(), choice, emit(trigger, payload), failure(code), on_over(conversation)."""

    def __init__(self, voice: Any) -> None:
        self.voice = voice
        self.choice = voice.choice
        self.is_over: bool = False
        self.is_hearing: bool = False
        self.status = ""
        self.trouble = ""
        self.ready: Any = None
        self.request = ""
        self.renewals = 0
        self.timer: Any = None
        self.context: Any = None
        self.clock: Any = None
        self.microphone: Any = None
        self.player: Any = None
        self.socket = VoiceSocket(self)
        self.floor = Floor(self)
        self.tap = AudioTap(self.on_tapped)
        self.meter = Meter(voice.name, self.on_level)

    # Beginning and end.

    def start(self, with_microphone: bool) -> None:
        """Called in the person's gesture: the browser asks for that."""
        props = self.voice.props()
        self.set_status("connecting")
        self.context = AudioContext({"latencyHint": "interactive"})
        self.clock = ContextClock(self.context)
        self.context.onstatechange = self.on_context_state
        self.context.resume()
        if with_microphone and props.capture is True:
            self.microphone = Microphone(self.context, self.choice, self)
            self.microphone.acquire()
        output = None
        if props.playback is True:
            self.player = Player(self.context, self.clock, self)
            self.player.set_volume(self.choice.volume)
            output = self.player.gain
            self.select_output(None)
        self.context.audioWorklet.addModule(props.workletUrl).then(
            self.on_worklets_loaded, self.on_load_failed
        )
        self.meter.start(self.context, output)
        if props.connect is True:
            self.ask_ticket()
        else:
            self.set_status("listening")

    def end(self, reason: str) -> None:
        """The person is done."""
        self.finish("idle", reason)

    def finish(self, status: str, reason: str) -> None:
        """Give everything back, once."""
        if self.is_over:
            return
        self.is_over = True
        clearTimeout(self.timer)
        self.floor.talk.close()
        self.socket.end(reason)
        self.meter.stop()
        if self.microphone is not None:
            self.microphone.close()
        context = self.context
        context.onstatechange = None
        if self.player is not None:
            # A moment to fade: a context that is closed while it plays clicks.
            self.player.flush(self.player.turn, None)
        setTimeout(lambda: self.close_context(), FADE_OUT_MS)
        self.set_status(status)
        self.voice.on_over(self)

    def close_context(self) -> None:
        if self.player is not None:
            self.player.close()
        self.context.close()

    def fail(self, error: Any) -> None:
        """Say what happened and end."""
        if not self.is_over:
            self.voice.emit("onError", error)
            self.finish("error", error["code"])

    def on_failure(self, code: str) -> None:
        if code == "server_unreachable" and self.is_held_back():
            code = "path_refused"
        self.fail(self.voice.failure(code))

    def is_held_back(self) -> bool:
        """No socket ever opened, though the ticket came: Reflex's own socket gets through, and
        something on the way does not know the voice's path."""
        props = self.voice.props()
        if self.ready is not None or self.socket.was_opened is True:
            return False
        if props.wsUrl is not None and props.wsUrl != "":
            return False
        return len(props.path.split("/_event/")) == 1

    def on_trouble(self, code: str) -> None:
        """Something is wrong, but the conversation goes on."""
        if not self.is_over:
            self.trouble = code
            self.voice.emit("onError", self.voice.failure(code))

    def on_mended(self, about: str) -> None:
        """The trouble whose code begins with this word is over: the status is told again, which
        takes its message off the page."""
        if self.trouble.split("_")[0] == about and not self.is_over:
            self.trouble = ""
            self.tell_status()

    def set_status(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self.tell_status()

    def tell_status(self) -> None:
        ready = self.ready
        told = {"status": self.status, "microphone": False, "session_id": None}
        awaited: bool = self.microphone is not None and self.choice.muted is False
        if self.status == "listening" and awaited and not self.is_hearing:
            # A word that is spoken before the device delivers is lost: nobody is invited to yet.
            told["status"] = "connecting"
        if not self.is_over:
            told["microphone"] = self.microphone is not None
        if ready is not None and not self.is_over:
            told["session_id"] = ready.session_id
            told["provider"] = ready.provider
            told["model"] = ready.model
            told["voice"] = ready.voice
            told["turn_detection"] = ready.options.turn_detection
            told["resumed"] = ready.resumed
            told["max_session_ms"] = ready.max_session_ms
        self.voice.emit("onStatus", told)

    # The audio graph.

    def on_load_failed(self, _error: Any) -> None:
        self.on_failure("worklet_failed")

    def on_worklets_loaded(self, _nothing: Any) -> None:
        if self.is_over:
            return
        reference = None
        if self.player is not None:
            self.player.attach()
            reference = self.player.gain
        if self.microphone is not None:
            self.microphone.attach(reference)

    def on_capturing(self, _microphone: Any) -> None:
        self.configure()
        self.join_worklets()

    def configure(self) -> None:
        """The detector's settings, as they are now; the server is told what concerns it."""
        if self.microphone is not None:
            settings = self.choice.detector_settings()
            self.microphone.post({"type": "config", "settings": settings}, [])
            enabled = not self.floor.is_push_to_talk
            self.microphone.post({"type": "detector", "enabled": enabled}, [])
        wanted = self.choice.barge_in
        if self.ready is not None and self.ready.options.barge_in is not wanted:
            self.ready.options.barge_in = wanted
            self.socket.send({"type": "session.options", "seq": 0, "barge_in": wanted})

    def join_worklets(self) -> None:
        """The detector pauses the player through a channel of their own: no main thread between."""
        if self.microphone is None or self.player is None:
            return
        if self.microphone.node is None or self.player.node is None:
            return
        channel = MessageChannel()
        self.microphone.post({"type": "peer", "port": channel.port1}, [channel.port1])
        self.player.post({"type": "peer", "port": channel.port2}, [channel.port2])

    def on_context_state(self, _event: Any) -> None:
        if self.context.state == "running":
            self.on_mended("audio")
        elif not self.is_over:
            self.context.resume()
            self.on_trouble("audio_blocked")

    def unlock(self) -> None:
        """In a gesture: what the browser held back may sound now."""
        if self.context.state != "running":
            self.context.resume()

    def select_output(self, then: Any) -> None:
        """Only a loudspeaker the person chose: setting one can switch echo cancellation off."""
        chosen = self.choice.output_id
        if self.context.setSinkId is not None and chosen != self.context.sinkId:
            self.context.setSinkId(chosen).then(then, self.on_output_refused)

    def on_output_changed(self, _nothing: Any) -> None:
        """Another loudspeaker sounds otherwise in the microphone."""
        self.on_devices_changed()

    def on_output_refused(self, _error: Any) -> None:
        self.on_trouble("output_unavailable")

    def on_device(self, changes: Any) -> None:
        if not self.is_over:
            self.voice.on_device(changes)

    # The session.

    def ask_ticket(self) -> None:
        self.request = str(Math.random())
        self.timer = setTimeout(self.on_ticket_timeout, TICKET_TIMEOUT_MS)
        self.voice.emit("onTicket", {"request": self.request})

    def on_ticket_timeout(self) -> None:
        self.on_failure("ticket_timeout")

    def is_waiting_for(self, request: str) -> bool:
        return request == self.request and not self.is_over

    def deliver(self, request: str, ticket: str) -> None:
        """The state's answer to `on_ticket`."""
        if self.is_waiting_for(request):
            self.request = ""
            clearTimeout(self.timer)
            choice = self.choice
            options = {
                "turn_detection": choice.turn_detection,
                "barge_in": choice.barge_in,
                "muted": choice.muted,
                "voice": choice.voice,
            }
            self.socket.open(self.url(), ticket, options)

    def refuse(self, request: str, error: Any) -> None:
        """The state will not give a ticket."""
        if self.is_waiting_for(request):
            self.fail(error)

    def url(self) -> str:
        """Where Reflex's own socket goes, at our path."""
        props = self.voice.props()
        if props.wsUrl is not None and props.wsUrl != "":
            return str(props.wsUrl)
        address = URL(props.serverUrl)
        address.pathname = props.path
        return str(address.href)

    def on_ready(self, event: Any) -> None:
        is_renewed: bool = self.ready is not None and event.resumed is False
        if is_renewed:
            # A new session counts its turns anew; the old one's cuts must not hold for them.
            self.floor.restart()
            if self.player is not None:
                self.player.restart()
                self.join_worklets()
        self.ready = event
        self.floor.is_push_to_talk = event.options.turn_detection == "push_to_talk"
        self.configure()
        self.set_status(self.floor.phase)
        if is_renewed:
            self.on_trouble("session_renewed")

    def on_reconnecting(self) -> None:
        self.set_status("reconnecting")

    def on_lost(self) -> None:
        """The session is gone; the words are not: go on in a new one."""
        self.renewals += 1
        if self.renewals > RENEWALS:
            self.on_failure("server_unreachable")
        else:
            self.ask_ticket()

    def on_closed(self, error: Any) -> None:
        """The server ended it; an error was told when it came."""
        if error is None:
            self.finish("idle", "server")
        else:
            self.finish("error", error.code)

    def on_event(self, event: Any) -> None:
        kind = event.type
        voice = self.voice
        if kind == "turn.state":
            self.floor.follow(event)
            self.set_status(event.state)
            if event.state == "speaking" and self.context.state != "running":
                # Begun outside of a gesture it never ran: no change of its state ever told.
                self.on_context_state(None)
        elif kind == "audio.end":
            if self.player is not None:
                self.player.finish(event.turn, event.item, event.reason)
        elif kind == "transcript.update":
            self.renewals = 0
            voice.emit("onTranscript", event)
        elif kind == "metrics.update":
            voice.emit("onMetrics", event.metrics)
        elif kind == "tool.update":
            voice.emit("onTool", event)
        elif kind == "error":
            voice.emit("onError", event)

    def on_audio(self, turn: int, item: int, position: int, pcm: Any) -> None:
        if self.player is not None:
            self.player.play(turn, item, position, pcm)

    # What is heard and said.

    def on_pcm(self, message: Any) -> None:
        self.clock.observe()
        if not self.is_hearing:
            self.is_hearing = True
            if self.status == "listening":
                self.tell_status()
        if self.choice.muted is False:
            # A chunk may have been on its way.
            self.meter.level = message.level
        self.tap.hear(message.position, message.pcm)
        self.floor.hear(message.position, message.pcm)

    def on_speech(self, message: Any) -> None:
        self.floor.on_speech(message)

    def on_tapped(self, audio: Any) -> None:
        self.voice.emit("onAudio", audio)

    def on_level(self, levels: Any) -> None:
        self.voice.emit("onLevel", levels)

    def on_report(self, report: Any) -> None:
        latency = self.clock.latency_ms()
        if latency is not None:
            self.player.post({"type": "latency", "seconds": latency / 1000}, [])
        report["received_seq"] = self.socket.received_seq
        self.socket.send_in_session(report)
        if report["phase"] != "playing":
            self.voice.emit("onPlayback", report)

    def set_muted(self, muted: bool) -> None:
        """The person, or the app, does not want to be heard."""
        if self.microphone is not None:
            self.microphone.set_muted(muted)
        self.meter.level = 0
        self.socket.send({"type": "input.mute", "seq": 0, "muted": muted})
        if not self.is_hearing:
            self.tell_status()

    def send_command(self, command: str) -> None:
        self.socket.send({"type": "app.command", "seq": 0, "command": command})

    def on_devices_changed(self) -> None:
        if self.microphone is not None:
            self.microphone.on_devices_changed()
