"""Native dialogs, links, history and addresses on real pages."""

import pytest

from cairn.sandbox.errors import ActionError
from cairn.sandbox.events import EventKind
from tests.conftest import OpenLab
from tests.lab import HOME

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]
K = EventKind

SAY = "<p id=said></p><script>const say = text => said.textContent = text</script>"


# Native dialogs


async def test_native_dialogs_block_until_they_are_answered(open_lab: OpenLab) -> None:
    lab = await open_lab(f"{SAY}<button onclick='alert(1); say(confirm(`Sure?`))'>Ask</button>")
    await lab.do(f"click {lab['Ask']}")
    dialog = lab.view.dialog
    assert dialog is not None
    assert (dialog.kind, dialog.text) == ("alert", "1")
    assert lab.seen(K.DIALOG_OPENED) == [{"name": "1", "native": True}]
    for line in ("click e1", "wait 1", "back", "press Tab", "read e1", f"goto {HOME}"):
        with pytest.raises(ActionError, match="only dialog and file actions are possible"):
            await lab.do(line)
        assert lab.seen(K.DIALOG_OPENED) == []
    assert await lab.do("write_file a.txt x") == "wrote 1 bytes"
    await lab.do("dialog accept")
    assert lab.view.dialog is not None
    assert (lab.view.dialog.kind, lab.view.dialog.text) == ("confirm", "Sure?")
    assert lab.seen(K.DIALOG_CONFIRMED) == [{"name": "1", "native": True}]
    await lab.do("dialog dismiss")
    assert lab.seen(K.DIALOG_CLOSED) == [{"name": "Sure?", "native": True}]
    assert lab.view.dialog is None
    assert "text: false" in lab.lines


async def test_prompt_takes_a_text(open_lab: OpenLab) -> None:
    lab = await open_lab(f"{SAY}<button onclick='say([prompt(`Q`)])'>Ask</button>")
    for answer, said in [
        ("accept Hi there", ["text: Hi there"]),
        ("dismiss", []),
        ('accept "a\\"b"', ['text: a"b']),
        ("accept", []),
    ]:
        await lab.do(f"click {lab['Ask']}")
        await lab.do(f"dialog {answer}")
        assert lab.lines[:-1] == said


async def test_dialog_on_the_first_page_can_be_answered(open_lab: OpenLab) -> None:
    lab = await open_lab("<script>alert('Welcome')</script><button>Go</button>")
    assert lab.view.dialog is not None
    assert (lab.view.page, lab.view.dialog.text) == ("", "Welcome")
    await lab.do("dialog accept")
    assert lab.seen(K.NAVIGATION_COMPLETED) == [{"url": HOME, "status": 200}]
    assert lab.lines == ['button "Go" [ref=e1]']


async def test_dialog_from_a_timer_interrupts_a_wait(open_lab: OpenLab) -> None:
    lab = await open_lab(f"{SAY}<script>setTimeout(() => say(confirm(`Later`)), 1500)</script>")
    assert lab.view.dialog is None
    await lab.do("wait 2")
    assert lab.view.dialog is not None
    await lab.do("dialog accept")
    assert "text: true" in lab.lines


@pytest.mark.parametrize("leave", ["back", f"goto {HOME}", "click LINK"])
async def test_page_can_ask_before_it_is_left(open_lab: OpenLab, leave: str) -> None:
    lab = await open_lab(
        {
            "/": "<a href=/two>Two</a>",
            "/two": "<button>Touch</button><a href=/>Home</a>"
            "<script>addEventListener('beforeunload', event => event.preventDefault())</script>",
        }
    )
    await lab.do(f"click {lab['Two']}")
    await lab.do(f"click {lab['Touch']}")
    leave = leave.replace("LINK", lab["Home"])
    await lab.do(leave)
    assert lab.view.dialog is not None
    assert lab.view.dialog.kind == "beforeunload"
    await lab.do("dialog dismiss")
    assert lab.view.url == f"{HOME}two"
    await lab.do(leave)
    await lab.do("dialog accept")
    assert lab.view.url == HOME


# Getting about


async def test_links_redirects_and_errors_are_navigations_with_their_status(
    open_lab: OpenLab,
) -> None:
    lab = await open_lab(
        {
            "/": "<a href=/two>Two</a><a href='/redirect?to=/two'>Re</a><a href=/no>No</a>",
            "/two": "<p>two</p>",
        }
    )
    for name, url, status in [("Two", "two", 200), ("Re", "two", 200), ("No", "no", 404)]:
        await lab.do(f"click {lab[name]}")
        assert lab.seen(K.NAVIGATION_COMPLETED) == [{"url": HOME + url, "status": status}]
        await lab.do("back")
        assert lab.view.url == HOME
    await lab.do("forward")
    assert (lab.view.url, lab.view.title) == (f"{HOME}no", "Missing")
    assert lab.seen(K.WINDOW_TITLE_CHANGED) == [{"title": "Missing"}]


async def test_history_of_one_document_is_walked_without_loading(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""
        {SAY}<button onclick="history.pushState({{}}, '', '/pushed')">Push</button>
        <a href="#part">Part</a><script>onpopstate = () => say('popped')</script>
    """)
    await lab.do(f"click {lab['Push']}")
    assert lab.view.url == f"{HOME}pushed"
    ref = lab["Part"]
    await lab.do("back")
    assert (lab.view.url, lab["Part"]) == (HOME, ref)
    assert "text: popped" in lab.lines
    await lab.do(f"click {ref}")
    assert lab.view.url == f"{HOME}#part"
    await lab.do("back")
    assert lab.view.url == HOME


async def test_goto_loads_a_site_of_the_episode_in_any_spelling(open_lab: OpenLab) -> None:
    lab = await open_lab({"/": "<p>home</p>", "/two": "<p>two</p>"})
    for url in ("http://lab.localhost/two", "lab.localhost/two", "HTTP://LAB.localhost:80/two#x"):
        await lab.do(f"goto {url}")
        assert lab.lines == ["text: two"]


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.localhost/", "http://localhost/", "http://127.0.0.1/", "http://[::1]/",
        "evil.test", "https://lab.localhost/", "file:///etc/passwd", "chrome://version",
        "about:blank",
        "javascript:alert(1)", "data:text/html,hi", "http://lab.localhost:8080/",
        "http://lab.localhost@evil.test/", "view-source:http://lab.localhost/",
        "ftp://lab.localhost/",
        "http://lab.localhost.evil.test/", "javascript://lab.localhost/%0aalert(1)", "http://",
        "http://lab.localhost:99999/", "http://[lab/", "http:\\\\evil.test\\", "//evil.test/",
        "x" * 9_000,
    ],
)  # fmt: skip
async def test_goto_refuses_every_other_address(open_lab: OpenLab, url: str) -> None:
    lab = await open_lab("<p>home</p>")
    with pytest.raises(ActionError, match=r"goto: .* is not (reachable; sites: http://lab|a URL)"):
        await lab.do(f"goto {url}")
    assert lab.view.url == HOME


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd", "data:text/html,hi", "chrome://version", "/two?blank"]
)
async def test_links_out_of_the_web_lead_nowhere(open_lab: OpenLab, href: str) -> None:
    target = "target=_blank" if "blank" in href else ""
    lab = await open_lab(f"<a href='{href}' {target}>Out</a>")
    await lab.do(f"click {lab['Out']}")
    assert lab.view.url == HOME
    await lab.do("wait 1")


async def test_page_that_does_not_load_is_an_error_and_the_agent_can_go_back(
    open_lab: OpenLab,
) -> None:
    lab = await open_lab("<a href='https://lab.localhost/'>Out</a>")
    await lab.do(f"click {lab['Out']}")
    assert lab.view.page == ""
    await lab.do("back")
    assert lab.view.url == HOME
    with pytest.raises(ActionError, match="the page did not load: net::ERR_SSL_PROTOCOL_ERROR"):
        await lab.do(f"goto {HOME}redirect?to=https://lab.localhost/")
    await lab.do("back")
    assert lab.view.url == HOME
