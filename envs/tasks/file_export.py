"""File handling and downloads: download the right export and file it away."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action, Click, Move
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.documents import Document, draw_document
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.tasks.words import DEPARTMENTS, FORMATS, TOPICS
from cairn.envs.world import World
from cairn.rewards.detectors import (
    AllOf,
    DirectoryUpdated,
    Downloaded,
    FileGone,
    FileMatches,
    FilePresent,
)
from cairn.rewards.milestones import Detector, Milestone

WORDINGS = (
    "Download {name} and move it to the {folder} folder.",
    "Get the export {name}, then move it from Downloads to {folder}.",
    "The file {name} belongs in {folder}: download it and move it there.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        wording: Index of the goal's wording.
        name: File name of the wanted export.
        folder: Where to move it.
        exports: All exports, in the order of the list.
        folders: All folders, besides Downloads.
    """

    wording: int
    name: str
    folder: str
    exports: tuple[Document, ...]
    folders: tuple[str, ...]

    @property
    def wanted(self) -> Document:
        """The wanted export."""
        return next(export for export in self.exports if export.name == self.name)


class FileExport(Task[Facts]):
    """Download one of several similar exports and move it into a folder."""

    name = "file-export"
    category = Category.FILE
    start_url = "http://drive.localhost/"
    max_steps = 6

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        names = [(topic, format_) for topic in rng.sample(TOPICS, 3) for format_ in FORMATS]
        exports = tuple(draw_document(rng, *name) for name in rng.sample(names, 6))
        folders = tuple(rng.sample(DEPARTMENTS, 3))
        return Facts(
            wording=rng.randrange(len(WORDINGS)),
            name=rng.choice(exports).name,
            folder=rng.choice(folders),
            exports=exports,
            folders=folders,
        )

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        world.site("drive").executemany(
            "INSERT INTO exports (name, format, content) VALUES (?, ?, ?)",
            [(export.name, export.format, export.content) for export in facts.exports],
        )
        for folder in facts.folders:
            world.make_dir(folder)

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        return WORDINGS[facts.wording].format(name=facts.name, folder=facts.folder)

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        path = f"Downloads/{facts.name}"
        # A file that the agent wrote itself is no download and pays nothing.
        downloaded = Downloaded(path=path)
        matches = FileMatches(path=path, sha256=facts.wanted.sha256)
        filed = FilePresent(path=f"{facts.folder}/{facts.name}", sha256=facts.wanted.sha256)
        return (
            Milestone(name="export-downloaded", value=1.0, detector=downloaded),
            Milestone(name="content-matches", value=0.5, detector=AllOf(downloaded, matches)),
            Milestone(
                name="folder-updated",
                value=0.25,
                detector=AllOf(downloaded, filed, DirectoryUpdated(path=facts.folder)),
            ),
        )

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        return AllOf(
            FilePresent(path=f"{facts.folder}/{facts.name}", sha256=facts.wanted.sha256),
            FileGone(path=f"Downloads/{facts.name}"),
        )

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        yield Click(ref=ref_of(observation, "link", facts.name))
        yield Move(path=f"Downloads/{facts.name}", to=facts.folder)
