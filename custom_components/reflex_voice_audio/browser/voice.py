"""One component on the page: its controls, its commands, and at most one conversation.

Starting and stopping is imperative, so nothing that is rendered, hydrated or mounted twice starts
anything. The page's own elements are the controls: `data-voice="talk | stop | mute | press"` with
`data-voice-for="<id>"`, found by listeners on the document, so that the microphone is asked for
inside the click. Escape stops the answer. The state drives it through `command`.
"""

from __future__ import annotations

from typing import Any

from .choice import Choice, remember
from .conversation import Conversation
from .jsapi import (
    AbortController,
    Array,
    AudioContext,
    Object,
    clearTimeout,
    document,
    navigator,
    setTimeout,
    window,
)


def is_field(target: Any) -> bool:
    """Somebody types or chooses there."""
    if target is None or target.closest is None:
        return False
    return target.closest("input, textarea, select, [contenteditable]") is not None


class Voice:
    """`latest` is a ref whose `current` has the newest props: switches, URLs and triggers."""

    def __init__(self, name: str, latest: Any) -> None:
        self.name = name
        self.latest = latest
        self.choice = Choice()
        self.conversation: Any = None
        self.pressed: Any = None
        self.pointer: Any = None
        self.aborter: Any = None
        self.timer: Any = None
        self.device: Any = {"microphone": False, "muted": False, "inputs": [], "outputs": []}

    def props(self) -> Any:
        return self.latest.current

    def emit(self, trigger: str, payload: Any) -> None:
        """Call one of the component's triggers, where the app bound it."""
        handler = self.latest.current[trigger]
        if handler is not None:
            handler(payload)

    def failure(self, code: str) -> Any:
        """The `on_error` payload of one of our own codes, in the app's words."""
        props = self.props()
        return Object.assign({"code": code, "message": props.messages[code]}, props.failures[code])

    # Mounting.

    def mount(self) -> None:
        self.aborter = AbortController()
        self.choice.restore()
        self.listen(document, "click", self.on_click)
        self.listen(document, "pointerdown", self.on_pointer_down)
        self.listen(document, "pointerup", self.on_pointer_up)
        self.listen(document, "pointercancel", self.on_pointer_cancel)
        self.listen(document, "keydown", self.on_key_down)
        self.listen(document, "keyup", self.on_key_up)
        self.listen(document, "visibilitychange", self.unlock)
        self.listen(document, "resume", self.on_thawed)
        self.listen(window, "blur", self.on_blur)
        self.listen(window, "pagehide", self.on_page_hide)
        if navigator.mediaDevices is not None:
            self.listen(navigator.mediaDevices, "devicechange", self.on_devices_changed)
        # After StrictMode's trial mount: the state hears once what is true.
        self.timer = setTimeout(self.report_idle, 0)

    def listen(self, target: Any, kind: str, handler: Any) -> None:
        target.addEventListener(kind, handler, {"signal": self.aborter.signal})

    def report_idle(self) -> None:
        self.emit("onStatus", {"status": "idle", "microphone": False, "session_id": None})
        self.list_devices()

    def unmount(self) -> None:
        clearTimeout(self.timer)
        self.aborter.abort()
        self.end("unmounted")

    def follow(self, props: Any) -> None:
        """Props that may change while mounted."""
        self.choice.follow(props)
        if props.muted is not None:
            self.set_muted(props.muted is True)
        if props.volume is not None:
            self.set_volume(props.volume)
        if self.conversation is not None:
            self.conversation.configure()

    # What the person does.

    def control(self, target: Any, kind: str) -> Any:
        """The element around `target` that is our control of this kind, or None."""
        if target is None or target.closest is None:
            return None
        element = target.closest('[data-voice="' + kind + '"]')
        if element is None or element.getAttribute("data-voice-for") != self.name:
            return None
        return element

    def on_click(self, event: Any) -> None:
        if self.control(event.target, "talk") is not None:
            self.toggle()
        elif self.control(event.target, "again") is not None:
            self.begin_again()
        elif self.control(event.target, "stop") is not None:
            self.stop()
        elif self.control(event.target, "mute") is not None:
            self.set_muted(self.choice.muted is False)

    def on_pointer_down(self, event: Any) -> None:
        self.unlock(event)
        element = self.control(event.target, "press")
        if element is not None and event.button == 0:
            self.pointer = event.pointerId
            self.press(element)

    def on_pointer_up(self, event: Any) -> None:
        # A touch counts as a gesture when it ends.
        self.unlock(event)
        if self.pressed is None or event.pointerId != self.pointer:
            return
        # A finger stays captured by the element it went down on: ask what is under it.
        under = document.elementFromPoint(event.clientX, event.clientY)
        if self.control(under, "press") is self.pressed:
            self.release()
        else:
            self.slide_off()

    def on_pointer_cancel(self, event: Any) -> None:
        if event.pointerId == self.pointer:
            self.slide_off()

    def on_blur(self, _event: Any) -> None:
        self.slide_off()

    def on_key_down(self, event: Any) -> None:
        self.unlock(event)
        if event.key == "Escape":
            self.on_escape(event)
        elif event.key == " " or event.key == "Enter":
            element = self.control(event.target, "press")
            if element is not None:
                event.preventDefault()
                if event.repeat is not True:
                    self.pointer = None
                    self.press(element)

    def on_escape(self, event: Any) -> None:
        """Cancels a press, else closes what is open, else stops the answer. What another part of
        the page took for itself, and what is typed, is no order."""
        if self.pressed is not None:
            self.pressed = None
            self.stop()
        elif event.defaultPrevented is not True and event.isComposing is not True:
            closers = document.querySelectorAll('[data-voice="close"]')
            if len(closers) > 0:
                # Another voice on the page must not close it again.
                event.preventDefault()
                closers[len(closers) - 1].click()
            elif not is_field(event.target):
                self.stop()

    def on_key_up(self, event: Any) -> None:
        if self.pressed is not None and (event.key == " " or event.key == "Enter"):
            self.release()

    def press(self, element: Any) -> None:
        self.pressed = element
        if self.conversation is None:
            self.start(True)
        if self.conversation is not None:
            self.conversation.floor.press()

    def release(self) -> None:
        self.pressed = None
        if self.conversation is not None:
            self.conversation.floor.talk.release()

    def slide_off(self) -> None:
        if self.pressed is not None:
            self.pressed = None
            if self.conversation is not None:
                self.conversation.floor.talk.cancel()

    def unlock(self, _event: Any) -> None:
        if self.conversation is not None:
            self.conversation.unlock()

    def on_thawed(self, _event: Any) -> None:
        if self.conversation is not None:
            self.conversation.on_failure("page_frozen")

    def on_page_hide(self, _event: Any) -> None:
        self.end("page_closed")

    # What can be done.

    def toggle(self) -> None:
        if self.conversation is None:
            self.start(True)
        else:
            self.end("user")

    def begin_again(self) -> None:
        """Leave what waits and begin anew, as it was begun."""
        former = self.conversation
        self.end("user")
        self.start(former is None or former.microphone is not None)

    def start(self, with_microphone: bool) -> None:
        code = ""
        if window.isSecureContext is not True:
            code = "insecure_context"
        elif window.AudioWorkletNode is None or navigator.mediaDevices is None:
            code = "unsupported_browser"
        if code != "":
            self.emit("onError", self.failure(code))
            self.emit("onStatus", {"status": "error", "microphone": False, "session_id": None})
            return
        self.conversation = Conversation(self)
        self.conversation.tap.is_on = self.props().onAudio is not None
        self.conversation.start(with_microphone)

    def end(self, reason: str) -> None:
        if self.conversation is not None:
            self.conversation.finish("idle", reason)

    def on_over(self, conversation: Any) -> None:
        if self.conversation is conversation:
            self.conversation = None
            # A mute is for one conversation, unless it is the app's.
            self.choice.muted = self.props().muted is True
            muted = self.choice.muted
            self.on_device({"microphone": False, "silent": False, "muted": muted})

    def stop(self) -> None:
        if self.conversation is not None:
            self.conversation.floor.stop()

    def set_muted(self, muted: bool) -> None:
        if muted != self.choice.muted:
            self.choice.muted = muted
            if self.conversation is not None:
                self.conversation.set_muted(muted)
            self.on_device({"muted": muted})

    def set_volume(self, volume: float) -> None:
        self.choice.volume = volume
        remember("volume", str(volume))
        if self.conversation is not None and self.conversation.player is not None:
            self.conversation.player.set_volume(volume)

    def command(self, order: Any) -> None:
        """What the state wants: `order.op` and its arguments (see api.py)."""
        op = order.op
        conversation = self.conversation
        if op == "mute":
            self.set_muted(order.muted is True)
        elif op == "volume":
            self.set_volume(order.volume)
        elif op == "devices":
            self.choose_devices(order)
        elif op == "options":
            self.choice.change(order.options)
            if conversation is not None:
                conversation.configure()
        elif op == "end":
            self.end("app")
        elif op == "stop":
            self.stop()
        elif op == "text":
            if conversation is None:
                self.start(False)
            if self.conversation is not None:
                self.conversation.floor.send_text(order.text)
        elif conversation is None:
            return
        elif op == "ticket":
            conversation.deliver(order.request, order.ticket)
        elif op == "refuse":
            conversation.refuse(order.request, order.error)
        elif op == "command":
            conversation.send_command(order.command)

    # Devices.

    def on_device(self, changes: Any) -> None:
        was_open = self.device["microphone"] is True
        self.device = Object.assign({}, self.device, changes)
        self.emit("onDevice", self.device)
        if self.device["microphone"] is True and not was_open:
            # Names of devices are told only to a page that may listen.
            self.list_devices()

    def choose_devices(self, order: Any) -> None:
        choice = self.choice
        conversation = self.conversation
        if order.input_id is not None and order.input_id != choice.input_id:
            choice.input_id = order.input_id
            remember("input", order.input_id)
            if conversation is not None and conversation.microphone is not None:
                conversation.microphone.acquire()
        if order.output_id is not None and order.output_id != choice.output_id:
            choice.output_id = order.output_id
            remember("output", order.output_id)
            if conversation is not None:
                conversation.select_output(conversation.on_output_changed)
        self.on_device({"output_id": choice.output_id})

    def on_devices_changed(self, _event: Any) -> None:
        if self.conversation is not None:
            self.conversation.on_devices_changed()
        self.list_devices()

    def list_devices(self) -> None:
        if navigator.mediaDevices is not None:
            navigator.mediaDevices.enumerateDevices().then(self.on_devices, self.on_no_devices)

    def on_devices(self, devices: Any) -> None:
        inputs = Array()
        outputs = Array()
        can_choose = AudioContext.prototype.setSinkId is not None
        for i in range(len(devices)):
            device = devices[i]
            if device.deviceId != "":
                entry = {"id": device.deviceId, "label": device.label}
                if device.kind == "audioinput":
                    inputs.push(entry)
                elif device.kind == "audiooutput" and can_choose:
                    outputs.push(entry)
        choice = self.choice
        told = {
            "inputs": inputs,
            "outputs": outputs,
            "output_id": choice.output_id,
            "volume": choice.volume,
        }
        if self.device["microphone"] is not True:
            told["input_id"] = choice.input_id
        self.on_device(told)

    def on_no_devices(self, _error: Any) -> None:
        return
