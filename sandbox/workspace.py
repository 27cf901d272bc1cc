"""The agent's home folder: one directory tree for each episode, watched by content."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from cairn.sandbox.errors import ActionError, Boundary, SandboxError
from cairn.sandbox.events import EventKind, EventLog, Source

START_FOLDERS = ("Documents", "Downloads")
MAX_BYTES = 64 * 2**20
MAX_FILES = 2_000
MAX_NAME_BYTES = 255
MAX_DEPTH = 32
EPOCH_S = 1_700_000_000
_STAMP_GRAIN_NS = 50_000_000


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's content as evidence shows it."""

    size: int
    sha256: str


class Workspace:
    """Files that the agent can see and change.

    Paths are relative to the home folder. Symbolic links are never followed.

    Attributes:
        root: Where the tree really lies; the agent never learns it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known_files: dict[str, FileState] = {}
        self._known_folders: set[str] = set()
        self._stamps: dict[str, tuple[int, int, int]] = {}

    @classmethod
    def create(cls, files: Mapping[str, bytes], folders: Iterable[str]) -> Self:
        """Make the tree and fill it.

        Raises:
            SandboxError: If the disk refuses.
        """
        try:
            self = cls(Path(tempfile.mkdtemp(prefix="cairn-home-")))
        except OSError as error:
            raise SandboxError(Boundary.WORKSPACE, f"cannot make the workspace: {error}") from None
        try:
            for folder in [*START_FOLDERS, *folders]:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            for path, content in files.items():
                target = self.root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                os.utime(target, (EPOCH_S, EPOCH_S))
        except OSError as error:
            self.close()
            raise SandboxError(Boundary.WORKSPACE, f"cannot make the workspace: {error}") from None
        self._scan()
        return self

    def close(self) -> None:
        """Remove the tree."""
        shutil.rmtree(self.root, ignore_errors=True)

    def listing(self) -> tuple[str, ...]:
        """Return every file and folder as of the last look; folders end in "/"."""
        return tuple(sorted([*self._known_files, *(f"{name}/" for name in self._known_folders)]))

    def digest(self) -> str:
        """Return a hash of names and contents as of the last look."""
        parts = [f"{path}:{state.sha256}" for path, state in self._known_files.items()]
        text = "\n".join(sorted([*parts, *self._known_folders]))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def resolve(self, path: str) -> Path:
        """Return the real path of `path`.

        Raises:
            ActionError: If it leaves the workspace or goes through a symbolic link.
        """
        relative = PurePosixPath(path)
        for home in ("/home/agent", "~"):
            if relative.is_relative_to(home):
                relative = relative.relative_to(home)
                break
        if relative.is_absolute() or ".." in relative.parts:
            raise ActionError(f"path {path!r}: must stay inside the home folder")
        if any(len(part.encode()) > MAX_NAME_BYTES for part in relative.parts):
            raise ActionError(f"path {path[:40]!r}...: a name may have {MAX_NAME_BYTES} bytes")
        real = self.root
        for part in relative.parts:
            real = real / part
            if real.is_symlink():
                raise ActionError(f"path {path!r}: symbolic links are not followed")
        return real

    def record_changes(self, log: EventLog) -> None:
        """Append what changed since the last look as file events, in order of path.

        Raises:
            SandboxError: If the tree cannot be read.
        """
        old_files, old_folders = self._known_files, self._known_folders
        self._scan()
        touched = set()
        for path in sorted(old_files.keys() | self._known_files.keys()):
            before, after = old_files.get(path), self._known_files.get(path)
            if before == after:
                continue
            if after is None:
                log.append(Source.FS, EventKind.FILE_DELETED, path=path)
            else:
                kind = EventKind.FILE_CREATED if before is None else EventKind.FILE_MODIFIED
                log.append(Source.FS, kind, path=path, size=after.size, sha256=after.sha256)
            if before is None or after is None:
                touched.add(str(PurePosixPath(path).parent))
        touched |= {str(PurePosixPath(f).parent) for f in old_folders ^ self._known_folders}
        for folder in sorted(touched):
            log.append(Source.FS, EventKind.DIRECTORY_UPDATED, path=folder)

    def file_state(self, path: str) -> FileState | None:
        """Return a file's state as of the last look."""
        return self._known_files.get(path)

    def _scan(self) -> None:
        files: dict[str, FileState] = {}
        folders: set[str] = set()
        stamps: dict[str, tuple[int, int, int]] = {}
        try:
            self._scan_folder(self.root, "", files, folders, stamps)
        except OSError as error:
            raise SandboxError(Boundary.WORKSPACE, f"cannot read the workspace: {error}") from None
        self._known_files, self._known_folders, self._stamps = files, folders, stamps

    def _scan_folder(
        self,
        folder: Path,
        prefix: str,
        files: dict[str, FileState],
        folders: set[str],
        stamps: dict[str, tuple[int, int, int]],
    ) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                # A shell can give names that are no text.
                name = os.fsencode(entry.name).decode(errors="backslashreplace")
                path = prefix + name
                if entry.is_dir(follow_symlinks=False):
                    folders.add(path)
                    self._scan_folder(Path(entry.path), path + "/", files, folders, stamps)
                    continue
                info = entry.stat(follow_symlinks=False)
                # Unlike the time of change, that of modification can be set.
                stamp = info.st_ino, info.st_ctime_ns, info.st_size
                # A file changed again within the clock's grain keeps its stamp.
                if time.time_ns() - info.st_ctime_ns > _STAMP_GRAIN_NS:
                    stamps[path] = stamp
                if stamp == self._stamps.get(path):
                    files[path] = self._known_files[path]
                else:
                    digest = hashlib.sha256(_content(entry)).hexdigest()
                    files[path] = FileState(info.st_size, digest)


def _content(entry: "os.DirEntry[str]") -> bytes:
    """Return what a file holds; of a link or a pipe, which are not followed, what it is."""
    if entry.is_file(follow_symlinks=False):
        return Path(entry.path).read_bytes()
    target = Path(entry.path).readlink() if entry.is_symlink() else "special file"
    return b"not a file: " + os.fsencode(target)


def check_quota(workspace: Workspace, more_bytes: int) -> None:
    """Refuse a write that would make the workspace too large.

    Raises:
        ActionError: If it would.
    """
    states = [workspace.file_state(path) for path in workspace.listing()]
    total = sum(state.size for state in states if state is not None) + more_bytes
    if total > MAX_BYTES or len(states) >= MAX_FILES:
        raise ActionError(
            f"the home folder is full: at most {MAX_BYTES // 2**20} MiB and {MAX_FILES} entries"
        )
