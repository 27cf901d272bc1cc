"""Installing what the machine lacks, by commands that are shown."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

_STDERR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """One way to get something.

    Attributes:
        name: What it is called in messages.
        commands: Run in order; only the last has to succeed.
        environment: Variables set for them.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    environment: tuple[tuple[str, str], ...] = ()

    def run(self, say: Callable[[str], object]) -> bool:
        """Run the commands, each told before; return whether the last succeeded."""
        status = 1
        for command in self.commands:
            say(" ".join(command))
            # Standard output belongs to the caller, who may be writing JSON there.
            status = subprocess.run(
                command,
                env={**os.environ, **dict(self.environment)},
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                check=False,
            ).returncode
        return status == 0


def apt_installer(*packages: str) -> Installer:
    """Return the installer of Debian packages, which needs root."""
    return Installer(
        name=f"apt-get ({packages[0]})",
        commands=(
            ("apt-get", "update"),
            ("apt-get", "install", "-y", "--no-install-recommends", *packages),
        ),
        environment=(("DEBIAN_FRONTEND", "noninteractive"),),
    )
