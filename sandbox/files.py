"""The file actions: what an agent can do to its workspace without a shell."""

import codecs
import os
import shutil
from pathlib import Path, PurePosixPath

from cairn.sandbox.errors import ActionError
from cairn.sandbox.workspace import Workspace, check_quota

MAX_SHOWN_CHARS = 4_000


def list_dir(workspace: Workspace, path: str) -> str:
    """Return the entries of a folder, folders with a "/" at the end."""
    folder = _existing(workspace, path)
    if not folder.is_dir():
        raise ActionError(f"{path!r} is a file; list_dir needs a folder")
    with os.scandir(folder) as entries:
        names = sorted(f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name for e in entries)
    return ", ".join(names) or "(empty)"


def read_file(workspace: Workspace, path: str) -> str:
    """Return a file's text, cut after `MAX_SHOWN_CHARS` characters."""
    file = _existing_file(workspace, path, "read_file")
    try:
        shown = file.read_bytes()[: MAX_SHOWN_CHARS * 4]
        is_whole = len(shown) == file.stat().st_size
        # The cut may lie inside a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(shown, final=is_whole)
    except UnicodeDecodeError:
        raise ActionError(f"{path!r} is not a text file") from None
    if len(text) > MAX_SHOWN_CHARS:
        text = f"{text[:MAX_SHOWN_CHARS]}... ({file.stat().st_size} bytes in all)"
    return text


def write_file(workspace: Workspace, path: str, text: str) -> str:
    """Write a text file, replacing what was there."""
    file = workspace.resolve(path)
    if file.exists():
        _existing_file(workspace, path, "write_file")
    _need_parent(file, path)
    content = text.encode()
    check_quota(workspace, len(content))
    file.write_bytes(content)
    return f"wrote {len(content)} bytes"


def move(workspace: Workspace, path: str, to: str) -> str:
    """Move or rename; a target folder that exists takes the file in."""
    source = _existing(workspace, path)
    if source == workspace.root:
        raise ActionError("the home folder cannot be moved")
    target = _target(workspace, source, to)
    if target.is_relative_to(source):
        raise ActionError(f"{path!r} cannot be moved into itself")
    source.rename(target)
    return f"moved to {target.relative_to(workspace.root)}"


def copy(workspace: Workspace, path: str, to: str) -> str:
    """Copy a file; a target folder that exists takes the copy in."""
    source = _existing_file(workspace, path, "copy")
    target = _target(workspace, source, to)
    check_quota(workspace, source.stat().st_size)
    shutil.copyfile(source, target)
    return f"copied to {target.relative_to(workspace.root)}"


def delete(workspace: Workspace, path: str) -> str:
    """Delete a file or an empty folder."""
    target = _existing(workspace, path)
    if target == workspace.root:
        raise ActionError("the home folder cannot be deleted")
    if target.is_dir():
        if any(target.iterdir()):
            raise ActionError(f"folder {path!r} is not empty")
        target.rmdir()
    else:
        target.unlink()
    return f"deleted {path}"


def make_dir(workspace: Workspace, path: str) -> str:
    """Make a folder."""
    folder = workspace.resolve(path)
    if folder.exists():
        raise ActionError(f"{path!r} exists already")
    _need_parent(folder, path)
    check_quota(workspace, 0)
    folder.mkdir()
    return f"made {path}"


def _existing(workspace: Workspace, path: str) -> Path:
    real = workspace.resolve(path)
    if not real.exists():
        raise ActionError(f"{path!r} does not exist")
    return real


def _existing_file(workspace: Workspace, path: str, action: str) -> Path:
    real = _existing(workspace, path)
    if not real.is_file():
        kind = "a folder" if real.is_dir() else "a special file"
        raise ActionError(f"{path!r} is {kind}; {action} needs a file")
    return real


def _need_parent(target: Path, path: str) -> None:
    if not target.parent.is_dir():
        raise ActionError(f"folder {str(PurePosixPath(path).parent)!r} does not exist")


def _target(workspace: Workspace, source: Path, to: str) -> Path:
    target = workspace.resolve(to)
    if target.is_dir():
        target = target / source.name
    elif to.endswith("/"):
        raise ActionError(f"folder {to!r} does not exist")
    _need_parent(target, to)
    if target.exists():
        raise ActionError(f"{str(target.relative_to(workspace.root))!r} exists already")
    return target
