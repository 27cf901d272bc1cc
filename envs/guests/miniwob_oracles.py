"""Scripted solutions of pages of MiniWoB++; they see only what any agent sees."""

import re
from collections.abc import Callable, Generator

from cairn.envs.actions import Action, Click, Fill, Hover, Press, Read, Scroll, Select, Type, Wait
from cairn.envs.observation import Observation
from cairn.envs.tasks.oracles import ref_of

Script = Generator[Action, Observation, None]
Part = Generator[Action, Observation, Observation]
Oracle = Callable[[Observation], Script]

_PAGES_OF_A_SLIDER = 5  # so many presses of PageDown lead from its one end to the other


# What a page shows


def _texts(observation: Observation) -> list[str]:
    return re.findall(r"(?m)^ *- text: (.*)$", observation.page)


def _query(observation: Observation) -> str:
    return _texts(observation)[0]


def _quoted(observation: Observation) -> list[str]:
    return re.findall(r'"([^"]*)"', _query(observation))


def _words(pattern: str, observation: Observation) -> tuple[str, ...]:
    found = re.search(pattern, _query(observation))
    assert found is not None, f"{pattern!r} does not fit {_query(observation)!r}"
    return found.groups()


def _number(observation: Observation) -> int:
    return int(_words(r"(-?\d+)", observation)[0])


def _refs(observation: Observation, role: str) -> list[str]:
    return re.findall(rf"(?m)^ *- {role} .*\[ref=(e\d+)\]", observation.page)


def _names(observation: Observation, role: str) -> list[str]:
    return re.findall(rf'(?m)^ *- {role} "(.*?)"(?: .*)?\[ref=e\d+\]', observation.page)


def _submit(observation: Observation) -> Click:
    return Click(ref=_refs(observation, "button")[-1])


# Kinds of scripts


def _clicking(role: str, name: Callable[[Observation], str]) -> Oracle:
    def script(observation: Observation) -> Script:
        yield Click(ref=ref_of(observation, role, name(observation)))

    return script


def _filling(values: Callable[[Observation], list[str]]) -> Oracle:
    """Fill the last text fields, as many as there are values, and submit."""

    def script(observation: Observation) -> Script:
        filled = values(observation)
        for ref, text in zip(_refs(observation, "textbox")[-len(filled) :], filled, strict=True):
            yield Fill(ref=ref, text=text)
        yield _submit(observation)

    return script


def _ticking(role: str) -> Oracle:
    def script(observation: Observation) -> Script:
        (listed,) = _words(r"Select (.*) and click Submit", observation)
        for name in listed.split(", ") if listed != "nothing" else []:
            yield Click(ref=ref_of(observation, role, name))
        yield _submit(observation)

    return script


# Clicks


def _button_sequence(observation: Observation) -> Script:
    for name in re.findall(r"button ([A-Z]+)", _query(observation)):
        clicked = yield Click(ref=ref_of(observation, "button", name))
        if clicked.is_error:  # the other button covers it
            yield from _press_first()


def _press_first() -> Script:
    yield Press(key="Tab")
    yield Press(key="Enter")


def _button_delay(observation: Observation) -> Script:
    clicked = yield Click(ref=ref_of(observation, "button", "ONE"))
    if clicked.is_error:
        yield from _press_first()
    # Each action takes half a second itself; being that late is paid too.
    yield Wait(seconds=_number(observation))
    yield Click(ref=ref_of(observation, "button", "TWO"))


def _buy_ticket(observation: Observation) -> Script:
    clocks = [text.split() for text in _texts(observation) if re.fullmatch(r"\d+h \d+m", text)]
    durations = [int(hours[:-1]) * 60 + int(minutes[:-1]) for hours, minutes in clocks]
    prices = [int(name.partition("$")[2]) for name in _names(observation, "button")]
    wish, what = _words(r"the (\w+)(?: expensive)? (cost|duration)", observation)
    amounts = prices if what == "cost" else durations
    chosen = (max if wish in {"most", "longest"} else min)(amounts)
    yield Click(ref=_refs(observation, "button")[amounts.index(chosen)])


def _collapsible(observation: Observation) -> Script:
    observation = yield Click(ref=_refs(observation, "tab")[0])
    yield Click(ref=ref_of(observation, "tab", "Submit"))


def _menu(observation: Observation) -> Script:
    *parents, leaf = _words(r"Select (.*)", observation)[0].split(">")
    for name in parents:
        observation = yield Hover(ref=ref_of(observation, "menuitem", name))
    yield Click(ref=ref_of(observation, "menuitem", leaf))


def _odd_or_even(observation: Observation) -> Script:
    buttons, numbers = _refs(observation, "button"), _texts(observation)[1:]
    for place, number in enumerate(numbers):
        yield Click(ref=buttons[2 * place + (int(number) % 2 == 0)])
    yield _submit(observation)


def _widget(observation: Observation) -> Script:
    (kind,) = _quoted(observation)
    if kind not in {"text", "textarea"}:
        yield Click(ref=_refs(observation, kind)[0])
        return
    for ref in _refs(observation, "textbox"):
        observation = yield Type(ref=ref, text="\nend")
        has_lines = re.search(rf"\[ref={ref}\]: \S+ end$", observation.page, flags=re.MULTILINE)
        if (has_lines is not None) is (kind == "textarea"):
            yield Click(ref=ref)


# Texts


def _transformed(observation: Observation) -> list[str]:
    (text,) = _quoted(observation)
    return [text.lower() if "lower case" in _query(observation) else text.upper()]


def _date(observation: Observation) -> list[str]:
    month, day, year = _words(r"(\d+)/(\d+)/(\d+)", observation)
    return [f"{year}-{month}-{day}"]


def _time(observation: Observation) -> list[str]:
    hour, minute, half = _words(r"(\d+):(\d+) (AM|PM)", observation)
    return [f"{int(hour) % 12 + 12 * (half == 'PM'):02}:{minute}"]


def _nth_word(observation: Observation) -> list[str]:
    word = _texts(observation)[1].split()[_number(observation) - 1]
    return [re.sub(r"[^a-zA-Z]", "", word)]


def _last_word(observation: Observation) -> list[str]:
    text = re.findall(r"(?m)^- textbox .*\]: (.*)$", observation.page)[0]
    return [re.findall(r"\w+", text)[-1]]


def _sum(observation: Observation) -> list[str]:
    one, sign, other = re.findall(r"\d+|[-+x*]", _texts(observation)[1])
    a, b = int(one), int(other)
    return [str({"+": a + b, "-": a - b}.get(sign, a * b))]


def _unknown(observation: Observation) -> list[str]:
    left, sign, right, total = re.findall(r"x|\d+|[-+]", _texts(observation)[1])[:4]
    if left == "x":
        return [str(int(total) - int(right) if sign == "+" else int(total) + int(right))]
    return [str(int(total) - int(left) if sign == "+" else int(left) - int(total))]


def _cells(observation: Observation) -> dict[str, str]:
    return dict(re.findall(r'(?m)^- row "(.*?)" "(.*?)"', observation.page))


def _one_cell(observation: Observation) -> list[str]:
    return [_cells(observation)[_words("value of (.*) into", observation)[0]]]


def _two_cells(observation: Observation) -> list[str]:
    return [_cells(observation)[text[:-1]] for text in _texts(observation) if text[-1] == ":"]


def _copy_into_other(observation: Observation) -> Script:
    target, source = _refs(observation, "textbox")
    if f"[ref={target}]: " in observation.page:
        target, source = source, target
    read = yield Read(ref=source)
    yield Fill(ref=target, text=read.result)
    yield _submit(observation)


def _copy_nth_into_last(observation: Observation) -> Script:
    *sources, target = _refs(observation, "textbox")
    read = yield Read(ref=sources[_number(observation) - 1])
    yield Fill(ref=target, text=read.result)
    yield _submit(observation)


def _login_despite_popup(observation: Observation) -> Script:
    for ref, text in zip(_refs(observation, "textbox"), _quoted(observation), strict=True):
        observation = yield Fill(ref=ref, text=text)
        if "Cancel" in _names(observation, "button"):
            yield Click(ref=ref_of(observation, "button", "Cancel"))
            observation = yield Fill(ref=ref, text=text)
    yield _submit(observation)


def _autocomplete(observation: Observation) -> Script:
    start, *end = _quoted(observation)
    observation = yield Type(ref=_refs(observation, "textbox")[0], text=start)
    suggested = _texts(observation)[1:]
    place = [text.endswith(tuple(end) or "") for text in suggested].index(True)
    for _ in range(place + 1):
        yield Press(key="ArrowDown")
    yield Press(key="Enter")
    yield _submit(observation)


# Forms


def _choose(observation: Observation) -> Script:
    (option,) = _words("Select (.*) from the list", observation)
    yield Select(ref=_refs(observation, "combobox")[0], option=option)
    yield _submit(observation)


def _focus_nth(observation: Observation) -> Script:
    yield Click(ref=_refs(observation, "textbox")[_number(observation) - 1])


def _radio_and_text(observation: Observation) -> Script:
    radio, text, field = _words(r'(\d)\w+ radio.*"(.*)".*(\d)\w+ textbox', observation)
    yield Click(ref=_refs(observation, "radio")[int(radio) - 1])
    yield Fill(ref=_refs(observation, "textbox")[int(field) - 1], text=text)
    yield _submit(observation)


def _pick_date(observation: Observation) -> Script:
    month, day, _ = map(int, _words(r"(\d+)/(\d+)/(\d+)", observation))
    observation = yield Click(ref=_refs(observation, "textbox")[0])
    for _ in range(12 - month):  # it opens on the last month
        observation = yield Press(key="PageUp")
    observation = yield Click(ref=ref_of(observation, "link", str(day)))
    yield Click(ref=ref_of(observation, "button", "Submit"))


def _slide(observation: Observation, place: int, target: int) -> Part:
    """Set the slider that has the focus, whose value is the text at `place`."""
    observation = yield Press(key="Home")
    low = int(_texts(observation)[place])
    observation = yield Press(key="End")
    high = int(_texts(observation)[place])
    leap = (high - low) // _PAGES_OF_A_SLIDER
    for _ in range(round((high - target) / leap)):
        observation = yield Press(key="PageDown")
    while (value := int(_texts(observation)[place])) != target:
        observation = yield Press(key="ArrowRight" if value < target else "ArrowLeft")
    return observation


def _sliders(observation: Observation) -> Script:
    targets = [int(number) for number in re.findall(r"-?\d+", _query(observation))]
    for place, target in enumerate(targets, start=1):
        observation = yield Press(key="Tab")
        observation = yield from _slide(observation, place, target)
    yield _submit(observation)


def _slider_and_checkbox(observation: Observation) -> Script:
    value, box = _words(r"Select (-?\d+) .* the (\d)", observation)
    observation = yield Press(key="Tab")
    observation = yield from _slide(observation, 1, int(value))
    yield Click(ref=_refs(observation, "checkbox")[int(box) - 1])
    yield _submit(observation)


def _spinner(observation: Observation) -> Script:
    yield Click(ref=_refs(observation, "spinbutton")[0])
    for _ in range(abs(_number(observation))):
        yield Press(key="ArrowUp" if _number(observation) > 0 else "ArrowDown")
    yield _submit(observation)


# Tries


def _generate(observation: Observation) -> Script:
    (wish,) = _words(r"Generate an? (.*), then", observation)
    while not _fits(_texts(observation)[1], wish):
        observation = yield Click(ref=ref_of(observation, "button", "Generate"))
    yield _submit(observation)


def _fits(shown: str, wish: str) -> bool:
    if not shown.isdecimal():
        return False
    if "than" not in wish:
        return int(shown) % 2 == (wish == "odd number")
    bound = int(wish.split()[-1])
    return int(shown) < bound if "less" in wish else int(shown) > bound


def _guess(observation: Observation) -> Script:
    low, high = 0, 9
    while True:
        guess = (low + high) // 2
        yield Fill(ref=_refs(observation, "spinbutton")[0], text=str(guess))
        observation = yield _submit(observation)
        if "lower" in _texts(observation)[1]:
            high = guess - 1
        else:
            low = guess + 1


def _search_result(observation: Observation) -> Script:
    (name,) = _quoted(observation)[:1]
    place = int(_words(r"the (\d+)\w\w search", observation)[0]) - 1
    yield Fill(ref=_refs(observation, "textbox")[0], text=name)
    observation = yield Click(ref=ref_of(observation, "button", "Search"))
    if place >= 3:
        observation = yield Click(ref=ref_of(observation, "link", str(place // 3 + 1)))
    yield Click(ref=_refs(observation, "link")[place % 3])


def _stock(observation: Observation) -> Script:
    limit = float(_words(r"\$(\d+\.\d+)", observation)[0])
    while re.fullmatch(r"\$[\d.]+", price := _texts(observation)[-1]) and float(price[1:]) > limit:
        observation = yield Scroll(direction="down")  # nothing moves but the clock
    yield _submit(observation)


def _terminal(observation: Observation) -> Script:
    found = re.search(r"extension (\.[\w.]+)", _query(observation))
    observation = yield Type(ref=_refs(observation, "textbox")[0], text="ls\n")
    listing = next(text for text in reversed(_texts(observation)) if "user$" not in text)
    fits = [name for name in listing.split() if _ends(name, found[1] if found else "")]
    yield Type(ref=_refs(observation, "textbox")[0], text=f"rm {fits[0]}\n")


def _ends(name: str, extension: str) -> bool:
    return name.endswith(extension) if extension else "." not in name


ORACLES: dict[str, Oracle] = {
    "button-delay": _button_delay,
    "buy-ticket": _buy_ticket,
    "choose-date": _pick_date,
    "choose-date-easy": _pick_date,
    "choose-date-medium": _pick_date,
    "choose-date-nodelay": _pick_date,
    "choose-list": _choose,
    "click-button": _clicking("button", lambda o: _quoted(o)[0]),
    "click-button-sequence": _button_sequence,
    "click-checkboxes": _ticking("checkbox"),
    "click-checkboxes-large": _ticking("checkbox"),
    "click-checkboxes-transfer": _ticking("checkbox"),
    "click-collapsible": _collapsible,
    "click-collapsible-nodelay": _collapsible,
    "click-dialog": _clicking("button", lambda _: "Close"),
    "click-dialog-2": _clicking("button", lambda o: _quoted(o)[0].replace("x", "Close")),
    "click-menu": _menu,
    "click-option": _ticking("radio"),
    "click-tab": _clicking("tab", lambda o: _words(r"on (.*)\.", o)[0]),
    "click-test": _clicking("button", lambda _: "Click Me!"),
    "click-test-2": _button_sequence,
    "click-test-transfer": _button_sequence,
    "click-widget": _widget,
    "copy-paste": _copy_into_other,
    "copy-paste-2": _copy_nth_into_last,
    "enter-date": _filling(_date),
    "enter-password": _filling(lambda o: _quoted(o) * 2),
    "enter-text": _filling(_quoted),
    "enter-text-2": _filling(_transformed),
    "enter-text-dynamic": _filling(_quoted),
    "enter-time": _filling(_time),
    "find-word": _filling(_nth_word),
    "focus-text": _clicking("textbox", lambda _: ""),
    "focus-text-2": _focus_nth,
    "form-sequence": _slider_and_checkbox,
    "form-sequence-2": _radio_and_text,
    "generate-number": _generate,
    "guess-number": _guess,
    "login-user": _filling(_quoted),
    "login-user-popup": _login_despite_popup,
    "odd-or-even": _odd_or_even,
    "read-table": _filling(_one_cell),
    "read-table-2": _filling(_two_cells),
    "scroll-text": _filling(_last_word),
    "search-engine": _search_result,
    "simple-algebra": _filling(_unknown),
    "simple-arithmetic": _filling(_sum),
    "stock-market": _stock,
    "terminal": _terminal,
    "text-transform": _filling(lambda o: _texts(o)[1:2]),
    "unicode-test": _clicking("button", lambda o: _quoted(o)[0]),
    "use-autocomplete": _autocomplete,
    "use-autocomplete-nodelay": _autocomplete,
    "use-slider": _sliders,
    "use-slider-2": _sliders,
    "use-spinner": _spinner,
}
