"""Roles and names in the snapshot are those of Chromium's own accessibility tree."""

import re
from collections import Counter

import pytest

from cairn.agents.scripted import OracleAgent
from cairn.envs.core import Env
from cairn.envs.tasks import TASKS
from cairn.sandbox.page import Page
from cairn.sandbox.sandbox import Sandbox
from tests.conftest import OpenLab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

ROLES = {
    "link", "button", "textbox", "searchbox", "spinbutton", "combobox", "listbox", "checkbox",
    "switch", "radio", "slider", "tab", "menuitem", "treeitem", "heading",
}  # fmt: skip

CONTROLS = """
    <h1>Main</h1><h3><span>Sub</span> part</h3>
    <a href=/a>Plain <b>link</b></a> <a href=/b aria-label="Told">x</a> <a>No link</a>
    <button>Save <img src="data:," alt="icon"></button> <button title="Tip"></button>
    <div role=button tabindex=0>Div button</div> <div role=switch aria-checked=true>On</div>
    <label>Name <input></label> <label for=m>Mail</label><input id=m type=email>
    <input placeholder="Hint"> <input type=search aria-label="Find">
    <input type=number title="Count">
    <label><input type=checkbox> Agree to <i>all</i></label> <input type=radio aria-label="One">
    <input type=range aria-labelledby="a b"><span id=a>Sound</span> <span id=b>level</span>
    <select aria-label="Pick"><option>A<option>B</select>
    <select size=3 aria-label="List"><option>A</select> <textarea aria-label="Text">abc</textarea>
    <div contenteditable aria-label="Rich" role=textbox>r</div>
    <input type=submit> <input type=button value="Go"> <input type=reset>
    <div role=tablist><div role=tab tabindex=0>First</div></div>
    <div role=menu><div role=menuitem tabindex=0>Open</div></div>
    <summary>Lone</summary><details><summary>More</summary>x</details>
    <button hidden>No</button><button style="display: none">No</button>
    <div aria-hidden=true><button>No</button></div><button style="visibility: hidden">No</button>
"""


async def of_chromium(page: Page) -> Counter[tuple[str, str]]:
    await page._send("Accessibility.enable")
    tree = await page._send("Accessibility.getFullAXTree")
    await page._send("Accessibility.disable")
    seen = [
        (
            node["role"]["value"].lower().replace("disclosuretriangle", "button"),
            squeezed(node.get("name", {}).get("value", "")),
        )
        for node in tree["nodes"]
        if not node["ignored"]
    ]
    return Counter(element for element in seen if element[0] in ROLES)


def of_snapshot(text: str) -> Counter[tuple[str, str]]:
    lines = [re.match(r'\s*- (\w+) "(.*?)"(?= \[|$|:)', line) for line in text.splitlines()]
    seen = [(line[1], line[2]) for line in lines if line]
    return Counter(element for element in seen if element[0] in ROLES)


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("task_id", TASKS)
async def test_every_page_on_the_oracles_way(sandbox: Sandbox, task_id: str) -> None:
    env = Env(TASKS[task_id], sandbox)
    observation, oracle, is_over = await env.reset(0), OracleAgent(env), False
    while not is_over:
        assert env._desk is not None
        seen = of_snapshot(observation.page)
        assert seen == await of_chromium(env._desk.page)
        assert seen.total() >= 3
        result = await env.step((await oracle.act(observation)).action)
        observation, is_over = result.observation, result.is_over
    await env.close()


async def test_every_kind_of_control(open_lab: OpenLab) -> None:
    lab = await open_lab(CONTROLS)
    assert of_snapshot(lab.view.page) == await of_chromium(lab.desk.page)
