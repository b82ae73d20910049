"""Colours, type and the few rules of motion that the parts of the page share.

Two voices, two colours: the user's is ember, the assistant's is lagoon; whatever belongs to one of
them wears its colour. Every text colour keeps 4.5 : 1 against the surfaces it stands on, in both
modes (a test computes it). Colours are CSS custom properties set by `surface()`, so that a part
looks the same in any host app; nothing is loaded from anywhere.
"""

from __future__ import annotations

from typing import Any, Final

Style = dict[str, Any]

LIGHT: Final[dict[str, str]] = {
    "paper": "#f6f3ec",
    "panel": "#fffdf8",
    "raised": "#ffffff",
    "ink": "#17201d",
    "soft": "#55605b",
    "line": "#ddd6c8",
    "edge": "#86897f",
    "ember": "#ad4313",
    "ember-wash": "#fbe9dd",
    "lagoon": "#0b665c",
    "lagoon-wash": "#dff0ec",
    "alarm": "#a31f2b",
    "alarm-wash": "#fbe6e4",
    "on-ink": "#fffdf8",
    "on-colour": "#ffffff",
    "shade": "rgba(60, 48, 24, 0.13)",
}
DARK: Final[dict[str, str]] = {
    "paper": "#0e1412",
    "panel": "#151d1a",
    "raised": "#1d2723",
    "ink": "#efece3",
    "soft": "#a5b0aa",
    "line": "#2b3732",
    "edge": "#6d7a74",
    "ember": "#ffa06f",
    "ember-wash": "#33211a",
    "lagoon": "#5fd3c0",
    "lagoon-wash": "#142e2a",
    "alarm": "#ff939a",
    "alarm-wash": "#371b1e",
    "on-ink": "#121816",
    "on-colour": "#0e1412",
    "shade": "rgba(0, 0, 0, 0.45)",
}

SANS: Final = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif'
SERIF: Final = (
    'ui-serif, "New York", "Iowan Old Style", "Palatino Linotype", Palatino, '
    '"Liberation Serif", Georgia, serif'
)
MONO: Final = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace'

CALM: Final = "@media (prefers-reduced-motion: reduce)"
# Side by side also on a phone that lies on its side.
WIDE: Final = "@media (min-width: 960px), (min-width: 640px) and (max-height: 520px)"
STACKED: Final = "@media (max-width: 639px), (max-width: 959px) and (min-height: 521px)"
NARROW: Final = "@media (max-width: 559px)"
LOW: Final = "@media (max-height: 520px)"
FORCED: Final = "@media (forced-colors: active)"

VISUALLY_HIDDEN: Final[Style] = {
    "position": "absolute",
    "width": "1px",
    "height": "1px",
    "margin": "-1px",
    "overflow": "hidden",
    "clip_path": "inset(50%)",
    "white_space": "nowrap",
}

FOCUS: Final[Style] = {
    "&:focus-visible": {
        "outline": "3px solid var(--vl-ink)",
        "outline_offset": "3px",
    },
}


def colour(name: str) -> str:
    """The CSS value of a colour of the palette, for example `colour("ember")`."""
    return f"var(--vl-{name})"


def surface(**extra: Any) -> Style:
    """Style of an outermost element: brings the palette of both colour modes with it."""
    light = {f"--vl-{name}": value for name, value in LIGHT.items()}
    dark = {f"--vl-{name}": value for name, value in DARK.items()}
    return {
        **light,
        "color_scheme": "light",
        ".dark &": {**dark, "color_scheme": "dark"},
        "color": colour("ink"),
        "font_family": SANS,
        "line_height": "1.5",
        "box_sizing": "border-box",
        "& *, & *::before, & *::after": {"box_sizing": "border-box"},
        **extra,
    }


def when(*statuses: str) -> str:
    """Selector for an element inside a part whose `data-voice-status` is one of `statuses`."""
    return ", ".join(f'[data-voice-status="{status}"] &' for status in statuses)


def quiet_button(**extra: Any) -> Style:
    """A secondary control: at least 44 px to touch, an outline that is seen, no fill."""
    return {
        "appearance": "none",
        "display": "inline-flex",
        "align_items": "center",
        "justify_content": "center",
        "gap": "0.5rem",
        "min_height": "44px",
        "min_width": "44px",
        "padding": "0 1rem",
        "border": f"1px solid {colour('edge')}",
        "border_radius": "999px",
        "background": "transparent",
        "color": colour("ink"),
        "font": "inherit",
        "font_size": "0.9375rem",
        "font_weight": "500",
        "cursor": "pointer",
        "transition": "background-color 140ms ease, border-color 140ms ease, color 140ms ease",
        "&:hover:not(:disabled)": {"background": colour("raised"), "border_color": colour("ink")},
        "&:disabled": {
            "color": colour("soft"),
            "border_color": colour("line"),
            "cursor": "default",
        },
        **FOCUS,
        CALM: {"transition": "none"},
        **extra,
    }


def icon_button(**extra: Any) -> Style:
    """A round control that shows only an icon; it must carry an `aria-label`."""
    return quiet_button(padding="0", width="44px", border_color="transparent", **extra)
