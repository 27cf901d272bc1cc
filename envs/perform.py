"""Carries out actions on a desk."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from cairn.envs import actions as act
from cairn.sandbox import files
from cairn.sandbox.desk import Desk
from cairn.sandbox.errors import ActionError
from cairn.sandbox.events import EventKind, Source

MAX_READ_CHARS = 2_000
MAX_OUTPUT_CHARS = 4_000


async def perform(desk: Desk, action: act.Action) -> str:
    """Carry out an action, let the page settle, and return its result text.

    Raises:
        ActionError: If it is not possible.
        SandboxError: If the sandbox fails.
    """
    if isinstance(action, act.Dialog):
        return await _dialog(desk, action)
    if file_action := _FILE_ACTIONS.get(type(action)):
        try:
            return file_action(desk, action)
        except OSError as error:
            raise ActionError(f"{action.action}: {error.strerror}") from None
    if isinstance(action, act.Run):
        return await _run(desk, action)
    if isinstance(action, act.Answer):
        desk.log.append(Source.AGENT, EventKind.ANSWER_GIVEN, text=action.text)
        return ""
    if isinstance(action, act.GiveUp):
        return ""
    if desk.page.dialog is not None:
        raise ActionError("a native dialog is open; only dialog and file actions are possible")
    if isinstance(action, act.Read):
        return await _read(desk, action)
    if isinstance(action, act.Wait):
        await desk.perform(None, settle_ms=action.seconds * 1000)
        return ""
    await desk.perform(_BROWSER_ACTIONS[type(action)](desk, action))
    return ""


async def _dialog(desk: Desk, action: act.Dialog) -> str:
    dialog = desk.page.dialog
    if dialog is None:
        raise ActionError("no native dialog is open; click the page's own buttons")
    accept = action.response == "accept"
    await desk.page.answer_dialog(accept=accept, text=action.text)
    kind = EventKind.DIALOG_CONFIRMED if accept else EventKind.DIALOG_CLOSED
    desk.log.append(Source.CDP, kind, name=dialog.text, native=True)
    return ""


async def _read(desk: Desk, action: act.Read) -> str:
    found = await desk.page.read(action.ref)
    text = str(found["text"])
    desk.log.append(Source.AGENT, EventKind.TEXT_RETRIEVED, role=found["role"], text=text)
    return text if len(text) <= MAX_READ_CHARS else text[:MAX_READ_CHARS] + "..."


async def _run(desk: Desk, action: act.Run) -> str:
    done = await desk.run(action.command)
    text = done.output.replace("\0", "\ufffd").strip("\n")
    if len(text) > MAX_OUTPUT_CHARS:
        text = f"{text[:MAX_OUTPUT_CHARS]}... ({len(text)} characters in all)"
    if done.stopped:
        return f"{text}\n(stopped: {done.stopped})".lstrip("\n")
    if done.exit_code != 0:
        return f"{text}\n(exit code {done.exit_code})".lstrip("\n")
    return text or "(no output)"


async def _goto(desk: Desk, action: act.Goto) -> None:
    url = action.url if "://" in action.url else f"http://{action.url}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ActionError(f"goto: {action.url[:80]!r} is not a URL") from None
    if parts.scheme != "http" or host not in desk.hosts or port not in {None, 80}:
        allowed = ", ".join(f"http://{name}/" for name in desk.hosts)
        raise ActionError(f"goto: {action.url[:80]!r} is not reachable; sites: {allowed}")
    await desk.page.goto(url)


_BROWSER_ACTIONS: dict[type, Callable[[Desk, Any], Awaitable[None]]] = {
    act.Goto: _goto,
    act.Click: lambda desk, a: desk.page.click(a.ref),
    act.DoubleClick: lambda desk, a: desk.page.click(a.ref, count=2),
    act.Hover: lambda desk, a: desk.page.hover(a.ref),
    act.Drag: lambda desk, a: desk.page.drag(a.ref, a.onto),
    act.Fill: lambda desk, a: desk.page.fill(a.ref, a.text),
    act.Type: lambda desk, a: desk.page.type(a.ref, a.text),
    act.Press: lambda desk, a: desk.page.press(a.key),
    act.Select: lambda desk, a: desk.page.select(a.ref, a.option),
    act.Scroll: lambda desk, a: desk.page.scroll(a.direction),
    act.Upload: lambda desk, a: desk.upload(a.ref, a.path),
    act.Back: lambda desk, _: desk.page.go(-1),
    act.Forward: lambda desk, _: desk.page.go(1),
}

_FILE_ACTIONS: dict[type, Callable[[Desk, Any], str]] = {
    act.ListDir: lambda desk, a: files.list_dir(desk.workspace, a.path),
    act.ReadFile: lambda desk, a: files.read_file(desk.workspace, a.path),
    act.WriteFile: lambda desk, a: files.write_file(desk.workspace, a.path, a.text),
    act.Move: lambda desk, a: files.move(desk.workspace, a.path, a.to),
    act.Copy: lambda desk, a: files.copy(desk.workspace, a.path, a.to),
    act.Delete: lambda desk, a: files.delete(desk.workspace, a.path),
    act.MakeDir: lambda desk, a: files.make_dir(desk.workspace, a.path),
}
