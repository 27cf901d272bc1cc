"""Made-up documents with real content, for tasks about files."""

import hashlib
import json
import random
from dataclasses import dataclass

from cairn.envs.tasks.words import DEPARTMENTS
from cairn.sandbox.errors import TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file.

    Attributes:
        name: File name, such as `travel.csv`.
        format: One of `csv`, `json`, `txt`.
        content: Its text; written in UTF-8.
    """

    name: str
    format: str
    content: str

    @property
    def sha256(self) -> str:
        """Hash of its bytes."""
        return hashlib.sha256(self.content.encode()).hexdigest()


def draw_document(rng: random.Random, topic: str, format_: str) -> Document:
    """Draw a document: some departments with a figure each."""
    figures = {name: rng.randrange(100, 1000) for name in rng.sample(DEPARTMENTS, 5)}
    content = render(topic, figures, format_)
    return Document(name=f"{topic.lower()}.{format_}", format=format_, content=content)


def render(topic: str, figures: dict[str, int], format_: str) -> str:
    """Write figures in a file format.

    Raises:
        TaskError: If the format is not known.
    """
    if format_ == "csv":
        lines = [f"{name},{figure}" for name, figure in figures.items()]
        return "\r\n".join(["department,total", *lines, ""])
    if format_ == "json":
        return json.dumps({"topic": topic, "totals": figures}, indent=2) + "\n"
    if format_ == "txt":
        lines = [f"{name} {figure}" for name, figure in figures.items()]
        return "\n".join([topic, *lines, ""])
    raise TaskError(f"format {format_!r}: known are csv, json, txt")
