"""The React component: mounts one `Voice`, hands it the newest props, takes the state's orders.

Renders a hidden element and nothing else: the controls are the page's own.
"""

from __future__ import annotations

from typing import Any

from .jsapi import JSON, Object, undefined
from .react_api import createElement, useEffect, useImperativeHandle, useRef
from .voice import Voice


def VoiceAudio(props: Any) -> Any:
    """`id` names it, `ref` receives the handle whose `value` takes orders."""
    latest = useRef(props)
    latest.current = props
    voice = useRef(None)

    def live() -> Any:
        mounted = Voice(props.id, latest)
        voice.current = mounted
        mounted.mount()

        def leave() -> Any:
            mounted.unmount()
            voice.current = None
            return undefined

        return leave

    def follow() -> Any:
        voice.current.follow(latest.current)
        return undefined

    def handle() -> Any:
        def command(order: Any) -> Any:
            if voice.current is not None:
                voice.current.command(order)
            return undefined

        return Object.defineProperty({}, "value", {"set": command})

    useEffect(live, [props.id])
    useEffect(
        follow,
        [
            props.id,
            props.muted,
            props.volume,
            props.bargeIn,
            props.turnDetection,
            props.voice,
            props.echoCancellation,
            props.noiseSuppression,
            props.autoGainControl,
            # An object may be another at each rendering, and say the same.
            JSON.stringify(props.detector),
        ],
    )
    useImperativeHandle(props.ref, handle, [])
    return createElement("span", {"id": props.id, "hidden": True})
