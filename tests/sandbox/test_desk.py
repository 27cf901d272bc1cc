"""A place of work: downloads, uploads, and the order of the evidence."""

import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest

from cairn.sandbox.desk import _free_path
from cairn.sandbox.errors import SandboxError
from cairn.sandbox.events import EventKind, Source
from cairn.sandbox.sandbox import Sandbox
from tests.conftest import OpenLab
from tests.lab import HOME

pytestmark = pytest.mark.browser
K = EventKind
ONE_SHA = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"


def export(disposition: str, **more: str) -> str:
    query = "".join(f"&{key}={quote(value)}" for key, value in more.items())
    return f"/export?disposition={quote(disposition)}{query}"


@pytest.mark.asyncio
async def test_download_lands_in_downloads_with_its_evidence(open_lab: OpenLab) -> None:
    link = export("attachment; filename=a.csv", content="one")
    lab = await open_lab(f"<a href='{link}'>Get</a>")
    for path in ("Downloads/a.csv", "Downloads/a (1).csv", "Downloads/a (2).csv"):
        await lab.do(f"click {lab['Get']}")
        facts = {"path": path, "size": 3, "sha256": ONE_SHA}
        assert lab.seen(K.FILE_CREATED) == [facts]
        assert lab.seen(K.DIRECTORY_UPDATED) == [{"path": "Downloads"}]
        assert lab.seen(K.DOWNLOAD_COMPLETED) == [{**facts, "url": HOME + link[1:]}]
        assert lab.seen(K.NAVIGATION_COMPLETED) == []
        assert path in lab.view.files
    assert (lab.desk.workspace.root / "Downloads/a (2).csv").read_text() == "one"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="../../x.csv"', "_.._x.csv"),
        ('attachment; filename="/etc/passwd"', "_etc_passwd"),
        ("attachment; filename=.bashrc", "bashrc"),
        ("attachment; filename*=UTF-8''%C3%BC%20%E6%BC%A2.csv", "ü 漢.csv"),
        ("attachment", "export.csv"),
        ("ATTACHMENT; filename=a.csv", "a.csv"),
        (f"attachment; filename={'n' * 300}.csv", None),
    ],
)
async def test_hostile_file_names_stay_in_downloads(
    open_lab: OpenLab, disposition: str, name: str | None
) -> None:
    lab = await open_lab(f'<a href="{export(disposition)}">Get</a>')
    for _ in range(2):
        await lab.do(f"click {lab['Get']}")
    names = sorted(path.name for path in (lab.desk.workspace.root / "Downloads").iterdir())
    assert len(names) == 2
    assert len(lab.view.files) == 4
    if name is not None:
        assert name in names


@pytest.mark.asyncio
async def test_downloads_by_redirect_post_and_frame_arrive_in_their_step(
    open_lab: OpenLab,
) -> None:
    link = export("attachment; filename=a.csv")
    lab = await open_lab(f"""
        <a href='/redirect?to={quote(link)}#part'>Redirect</a>
        <button onclick="f.src = '{link}'">Frame</button><iframe id=f></iframe>
        <button onclick="location = '{link}'">Script</button>
    """)
    for name, path in [("Redirect", "a"), ("Frame", "a (1)"), ("Script", "a (2)")]:
        await lab.do(f"click {lab[name]}")
        found = [data["path"] for data in lab.seen(K.DOWNLOAD_COMPLETED)]
        assert found == [f"Downloads/{path}.csv"]
    await lab.do(f"goto {HOME}{link[1:]}")
    assert lab.seen(K.DOWNLOAD_COMPLETED)
    assert lab.view.url == HOME


@pytest.mark.asyncio
async def test_page_goes_on_after_a_download(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""<p id=p></p>
        <a href='{export("attachment; filename=a.csv")}'
           onclick="setTimeout(() => p.textContent = Date.now() % 1e5, 300)">Get</a>
    """)
    await lab.do(f"click {lab['Get']}")
    assert "text: 800" in lab.lines  # loaded at 0, clicked at 500
    await lab.do(f"click {lab['Get']}")
    assert "text: 1300" in lab.lines


@pytest.mark.asyncio
async def test_downloads_that_no_site_sent_never_arrive(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""
        <a href='/hit?what=1' download=x.txt>Attribute</a>
        <button onclick="const a = document.createElement('a'); a.download = 'b.txt';
            a.href = URL.createObjectURL(new Blob(['x'])); a.click()">Blob</button>
        <a href='{export("inline")}'>Inline</a>
        <a href='{export("attachment; filename=a.csv")}'>Real</a>
    """)
    for name in ("Attribute", "Blob", "Inline"):
        await lab.do(f"click {lab[name]}")
    await lab.do(f"click {lab['Real']}")
    assert [data["path"] for data in lab.seen(K.DOWNLOAD_COMPLETED)] == ["Downloads/a.csv"]
    assert lab.view.files == ("Documents/", "Downloads/", "Downloads/a.csv")


@pytest.mark.asyncio
async def test_download_without_room_is_dropped(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""
        <a href='{export("attachment", size=str(65 * 2**20))}'>Big</a>
        <a href='{export("attachment")}'>Small</a>
    """)
    await lab.do(f"click {lab['Big']}")
    assert lab.events == [event for event in lab.events if event.source is not Source.FS]
    await lab.do("delete Downloads")
    await lab.do("write_file Downloads x")
    await lab.do(f"click {lab['Small']}")
    assert list(lab.view.files) == ["Documents/", "Downloads"]
    await lab.do("delete Downloads")
    await lab.do(f"click {lab['Small']}")
    assert list(lab.view.files) == ["Documents/", "Downloads/", "Downloads/export.csv"]


@pytest.mark.asyncio
@pytest.mark.parametrize("more", [{}, {"unsized": "1"}])
async def test_a_huge_download_is_cancelled(open_lab: OpenLab, more: dict[str, str]) -> None:
    lab = await open_lab(f"""
        <a href='{export("attachment", size=str(2**30), **more)}'>Huge</a>
        <a href='{export("attachment")}'>Small</a>
    """)
    await lab.do(f"click {lab['Huge']}")
    assert lab.events == [event for event in lab.events if event.source is not Source.FS]
    staged = lab.desk._staging.iterdir()
    # Chromium tells of its progress twice a second.
    assert sum(file.stat().st_size for file in staged) < 2**30
    await lab.do(f"click {lab['Small']}")
    assert list(lab.view.files) == ["Documents/", "Downloads/", "Downloads/export.csv"]


def test_free_path_never_exceeds_what_a_name_may_have(tmp_path: Path) -> None:
    for suggested in ("ü" * 200 + ".csv", "a." + "x" * 250, "." * 9, "a/b/c", "", "x" * 255):
        for _ in range(2):
            path = _free_path(tmp_path, suggested)
            assert path.parent == tmp_path
            assert not path.exists()
            path.touch()


@pytest.mark.asyncio
async def test_upload_gives_the_page_a_file_of_the_workspace(open_lab: OpenLab) -> None:
    lab = await open_lab(
        """<form method=post action=/upload enctype=multipart/form-data>
        <input type=file name=file aria-label=File onchange="said.textContent =
            [event.isTrusted, files[0].name, files[0].lastModified].join()">
        <button>Send</button></form><p id=said></p>""",
        {"Documents/ü 1.txt": "Grüße".encode()},
    )
    await lab.do(f"upload {lab['File']} Documents/ü 1.txt")
    assert lab.seen(K.FIELD_FILLED) == [
        {"role": "button", "name": "File", "value": "ü 1.txt", "by_agent": True}
    ]
    assert "text: true,ü 1.txt,1767603600000" in lab.lines  # the start instant, not today
    await lab.do(f"click {lab['Send']}")
    assert lab.hits == ["ü 1.txt=Grüße"]
    assert lab.seen(K.SUBMIT_CLICKED) == [{"role": "button", "name": "Send"}]


@pytest.mark.asyncio
async def test_file_actions_are_evidence_by_content(open_lab: OpenLab) -> None:
    lab = await open_lab("<p>x</p>", {"a.txt": b"a"})
    await lab.do("write_file a.txt a")
    assert lab.events == []
    await lab.do("write_file a.txt b")
    assert [event.kind for event in lab.events] == [K.FILE_MODIFIED]
    await lab.do("move a.txt Documents")
    assert [event.kind for event in lab.events] == [
        K.FILE_CREATED,
        K.FILE_DELETED,
        K.DIRECTORY_UPDATED,
        K.DIRECTORY_UPDATED,
    ]


@pytest.mark.asyncio
async def test_evidence_of_a_step_is_numbered_in_order(open_lab: OpenLab) -> None:
    lab = await open_lab(
        {
            "/": "<form action=/two><input name=a aria-label=A><button>Go</button></form>",
            "/two": "<script>document.title = 'Two'</script><p role=status>Done</p><h1>H</h1>",
        }
    )
    await lab.do(f"fill {lab['A']} x")
    await lab.do(f"click {lab['Go']}")
    assert [(event.source, event.kind) for event in lab.events] == [
        (Source.DOM, K.ELEMENT_ACTIVATED),
        (Source.DOM, K.SUBMIT_CLICKED),
        (Source.CDP, K.NAVIGATION_COMPLETED),
        (Source.WINDOW, K.WINDOW_TITLE_CHANGED),
        (Source.AX, K.NOTIFICATION_SHOWN),
        (Source.AX, K.AX_CHANGED),
    ]
    log = lab.desk.log.events
    assert [event.seq for event in log] == list(range(len(log)))
    assert sorted({event.step for event in log}) == [0, 1, 2]


@pytest.mark.asyncio
async def test_desk_that_cannot_be_set_up_leaves_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SandboxError, match="cannot make the workspace"):
        await sandbox.open_desk(url=HOME, sites={}, files={"n" * 300: b""}, folders=[])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.asyncio
async def test_closed_desk_leaves_no_folder(open_lab: OpenLab) -> None:
    lab = await open_lab("<p>x</p>", {"a.txt": b"a"})
    root, staging = lab.desk.workspace.root, lab.desk._staging
    assert root.exists()
    assert staging.exists()
    await lab.close()
    assert not root.exists()
    assert not staging.exists()
