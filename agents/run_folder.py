"""The run folder: where a collection or an evaluation is written."""

import importlib.metadata
import json
import platform
from pathlib import Path

from cairn.sandbox.chromium import chromium_version, find_chromium
from cairn.sandbox.errors import ConfigError

PACKAGES = ("cairn-gym", "playwright", "gymnasium", "numpy")


def make_run_folder(path: Path) -> Path:
    """Make a run folder, or take an empty one, and note the versions in it.

    Raises:
        ConfigError: If it holds files already or cannot be written.
        SetupError: If there is no Chromium whose version could be noted.
    """
    chromium = chromium_version(find_chromium())
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    versions |= {"python": platform.python_version(), "chromium": chromium}
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise ConfigError(f"run folder {str(path)!r}: must be empty or new; name another")
        write_whole(path / "versions.json", json.dumps(versions, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"run folder {str(path)!r}: {error.strerror}") from None
    return path


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
