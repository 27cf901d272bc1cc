"""The tab: its clock, its hidden world, its network, and what happens when it hangs."""

import asyncio
import json
import re
import socket
import time

import pytest

from cairn.sandbox.errors import SandboxError
from cairn.sandbox.events import EventKind
from tests.conftest import OpenLab
from tests.lab import HOME, Lab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]
K = EventKind

SHOW = "<pre id=out></pre><script>const show = text => out.textContent += text + ' '</script>"


def shown(lab: Lab) -> list[str]:
    found = re.search(r"text: (.*)", lab.view.page)
    return found[1].split() if found else []


# The clock


async def test_clock_begins_at_the_start_instant_and_runs_only_while_settling(
    open_lab: OpenLab,
) -> None:
    lab = await open_lab(
        f"{SHOW}<script>show(new Date().toISOString())</script>"
        "<button onclick='show(Date.now() - 1767603600000)'>Now</button>"
    )
    assert shown(lab) == ["2026-01-05T09:00:00.000Z"]
    now = lab["Now"]
    await lab.do(f"click {now}")  # 500 ms of settling after the load
    await asyncio.sleep(0.05)
    await lab.do(f"click {now}")
    await lab.do("wait 3")
    await lab.do("list_dir .")
    await lab.do("read " + now)
    await lab.do(f"click {now}")
    assert shown(lab)[1:] == ["500", "1000", "4500"]


async def test_timers_keep_their_order_and_their_time(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""{SHOW}<script>
        for (const ms of [400, 100, 300, 2000, 200])
          setTimeout(() => show(ms + "@" + (Date.now() - 1767603600000)), ms);
    </script>""")
    assert shown(lab) == ["100@100", "200@200", "300@300", "400@400"]
    await lab.do("wait 2")
    assert shown(lab)[4:] == ["2000@2000"]


async def test_chance_time_zone_and_locale_are_fixed(open_lab: OpenLab) -> None:
    html = f"""{SHOW}<script>show([Math.random(), Math.random(), new Date().getTimezoneOffset(),
        navigator.language, (1234.5).toLocaleString(), innerWidth, innerHeight,
        devicePixelRatio, performance.timeOrigin].join(" "))</script>"""
    first, second = await open_lab(html), await open_lab(html)
    assert shown(first) == shown(second)
    assert shown(first)[2:5] == ["0", "en-US", "1,234.5"]
    assert shown(first)[5:] == ["1024", "768", "1", "1767603600000"]


async def test_fetch_chains_finish_within_the_step(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""{SHOW}<button onclick="chain()">Go</button><script>
        async function chain() {{
          for (let i = 0; i < 5; i++) show(await (await fetch('/hit?slow&what=' + i)).text());
        }}
    </script>""")
    await lab.do(f"click {lab['Go']}")
    assert shown(lab) == ["1", "2", "3", "4", "5"]
    changes = [data["after"] for data in lab.seen(K.SITE_STATE_CHANGED)]
    assert [row["what"] for row in changes if isinstance(row, dict)] == ["0", "1", "2", "3", "4"]


async def test_parallel_fetches_all_finish_within_the_step(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""{SHOW}<button onclick="fetchAll()">Go</button><script>
        const one = async i => show(await (await fetch('/hit?slow&what=' + i)).text());
        const fetchAll = () => [...Array(9).keys()].forEach(one);
    </script>""")
    await lab.do(f"click {lab['Go']}")
    assert sorted(shown(lab)) == [str(number) for number in range(1, 10)]
    assert sorted(lab.hits) == [str(number) for number in range(9)]


# The hidden world


async def test_page_scripts_neither_see_nor_change_the_hidden_world(open_lab: OpenLab) -> None:
    lab = await open_lab(f"""{SHOW}<iframe srcdoc="<p>inner</p>"></iframe><script>
        show([typeof cairn, typeof cairnReport, typeof frames[0].cairn].join(" "));
        window.cairn = {{ snapshot: () => "{{}}" }};
        window.cairnReport = () => {{}};
        JSON.stringify = () => "owned";
        Map.prototype.get = Set.prototype.has = Array.prototype.map = () => "owned";
        Element.prototype.matches = Element.prototype.getAttribute = () => "owned";
        Object.defineProperty(Event.prototype, "isTrusted", {{ get: () => true }});
        Object.defineProperty(document, "title", {{ get: () => "owned" }});
        performance.getEntriesByType = () => [{{ responseStatus: 299 }}];
    </script><input id=f aria-label=F><button onclick="f.value = 1;
        f.dispatchEvent(new Event('input')); f.dispatchEvent(new InputEvent('beforeinput'));
        this.dispatchEvent(new MouseEvent('click', {{ bubbles: false }}));
        window.cairnReport('[&quot;SubmitClicked&quot;,{{}}]');">B</button>""")
    assert shown(lab) == ["undefined", "undefined", "undefined"]
    assert lab.view.title == "Lab"
    assert lab.seen(K.NAVIGATION_COMPLETED) == [{"url": HOME, "status": 200}]
    await lab.do(f"click {lab['B']}")
    assert lab.seen(K.FIELD_FILLED) == [
        {"role": "textbox", "name": "F", "value": "1", "by_agent": False}
    ]
    assert lab.seen(K.SUBMIT_CLICKED) == []
    assert len(lab.seen(K.ELEMENT_ACTIVATED)) == 1


async def test_page_that_throws_is_still_shown(open_lab: OpenLab) -> None:
    lab = await open_lab("""<button onclick="nothing()">B</button><script>
        Promise.reject(new Error("x")); setTimeout(() => { throw 1 }, 10); undefinedThing.x;
    </script>""")
    await lab.do(f"click {lab['B']}")
    assert lab.lines == ['button "B" [ref=e1]']


# The network


async def test_nothing_but_the_episodes_sites_can_be_reached(open_lab: OpenLab) -> None:
    reached: list[str] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append((await reader.readline()).decode("latin-1"))
        writer.close()

    outside = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = outside.sockets[0].getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        lab = await open_lab(f"""{SHOW}<script>
            const port = {port}, hosts = ["127.0.0.1", "localhost", "[::1]", "evil.test"];
            for (const host of hosts) for (const scheme of ["http", "https"])
              fetch(`${{scheme}}://${{host}}:${{port}}/`, {{ mode: "no-cors" }}).catch(() => 0);
            new Image().src = "http://127.0.0.1:" + port + "/image";
            new WebSocket("ws://127.0.0.1:" + port + "/socket");
            navigator.sendBeacon("http://127.0.0.1:" + port + "/beacon", "x");
            const peer = new RTCPeerConnection({{ iceServers: [
              {{ urls: "stun:127.0.0.1:{udp.getsockname()[1]}" }},
              {{ urls: `turn:127.0.0.1:${{port}}?transport=tcp`, username: "a", credential: "b" }},
            ] }});
            peer.createDataChannel("x");
            peer.createOffer().then(offer => peer.setLocalDescription(offer));
        </script>""")
        await lab.do("wait 5")
        await asyncio.sleep(0.3)  # what left the page is not bound to its clock
        with pytest.raises(BlockingIOError):
            udp.recv(2000)
    assert reached == []
    outside.close()
    await outside.wait_closed()


async def test_other_episode_cannot_be_reached_even_by_its_token(open_lab: OpenLab) -> None:
    other = await open_lab("<p>secret</p>")
    token = other.desk._sites.token
    lab = await open_lab(
        {
            "/": f"""{SHOW}<p>mine</p><script>
        fetch("/", {{ headers: {{ "X-Cairn-Episode": "{token}" }} }})
          .then(answer => answer.text()).then(text => show(text.includes("sec" + "ret")))
        fetch("/hit?what=" + encodeURIComponent("{token}"));
        </script>"""
        }
    )
    assert shown(lab)[:1] == ["false"]
    assert other.hits == []
    assert lab.hits == [token]


async def test_episodes_do_not_share_cookies_or_storage(open_lab: OpenLab) -> None:
    html = f"""{SHOW}<script>show("was:" + document.cookie + localStorage.length);
        document.cookie = "a=1"; localStorage.a = 1;</script>"""
    for lab in (await open_lab(html), await open_lab(html)):
        assert shown(lab) == ["was:0"]


async def test_popup_does_not_belong_to_the_episode(open_lab: OpenLab) -> None:
    lab = await open_lab("<a href='/hit?what=popup' target=_blank>A</a>"
                         "<button onclick=\"open('/hit?what=opened')\">B</button>")  # fmt: skip
    for name in "AB":
        await lab.do(f"click {lab[name]}")
        await lab.do("wait 1")
    assert lab.hits == []
    assert lab.view.url == HOME


# Failures


async def test_a_page_of_many_elements_is_shown_as_far_as_it_goes(open_lab: OpenLab) -> None:
    lab = await open_lab("""<button onclick="for (let i = 0; i < 20000; i++) {
        const made = document.createElement(i % 2 ? 'button' : 'p');
        made.textContent = 'x' + i; document.body.append(made) }">B</button>""")
    await lab.do(f"click {lab['B']}")
    assert len(lab.lines) == 5001
    assert lab.lines[0] == f'button "B" [ref={lab["B"]}]'
    assert lab.lines[-1] == "(the page goes on)"
    await lab.do(f"click {lab['x1']}")
    assert lab.seen(EventKind.ELEMENT_ACTIVATED) == [{"role": "button", "name": "x1"}]


async def test_alerts_without_end_can_be_answered_for_ever_and_left(open_lab: OpenLab) -> None:
    lab = await open_lab("<button onclick='for (;;) alert(1)'>B</button>")
    await lab.do(f"click {lab['B']}")
    for _ in range(20):
        await lab.do("dialog accept")
        assert lab.view.dialog is not None
    assert (await lab.do("list_dir .")) == "Documents/, Downloads/"


async def test_redirects_without_end_are_an_error_of_the_page(open_lab: OpenLab) -> None:
    lab = await open_lab("<a href='/around?0'>A</a>")
    await lab.do(f"click {lab['A']}")
    assert lab.view.url == "chrome-error://chromewebdata/"
    await lab.do("back")
    assert lab["A"]


async def test_page_that_never_settles_fails_after_the_timeout(
    open_lab: OpenLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cairn.sandbox.page.STEP_TIMEOUT_S", 0.4)
    for handler in ("fetch('/never')", "while (1);", "new Image().src = '/never'"):
        lab = await open_lab(f'<button onclick="{handler}">B</button>')
        started = time.perf_counter()
        for _ in range(2):  # once failed, it stays failed
            with pytest.raises(SandboxError, match="the page did not settle within 0 s"):
                await lab.do("click e1")
        await lab.close()
        assert time.perf_counter() - started < 3


async def test_crashed_page_fails_at_once_and_alone(open_lab: OpenLab) -> None:
    lab, other = await open_lab("<p>a</p>"), await open_lab("<p>b</p>")
    lab.desk.page._send("Page.crash").add_done_callback(lambda answer: answer.exception())
    with pytest.raises(SandboxError, match="browser: the page's process crashed"):
        await lab.do("wait 60")
    assert await other.do("wait 1") == ""


async def test_reports_are_json(open_lab: OpenLab) -> None:
    lab = await open_lab('<button>\U0001f600 "quoted" &lt;b&gt;</button>')
    await lab.do("click e1")
    assert lab.seen(K.ELEMENT_ACTIVATED) == [{"role": "button", "name": '\U0001f600 "quoted" <b>'}]
    assert json.dumps([event.data for event in lab.events])
