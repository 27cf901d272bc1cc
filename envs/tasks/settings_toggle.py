"""System configuration: change one switch of a settings panel and save."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action, Click
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.tasks.words import PANELS, SETTING_KINDS, SETTING_THINGS
from cairn.envs.world import World
from cairn.rewards.detectors import (
    AllOf,
    InOrder,
    NotificationShown,
    OnlyChanges,
    SiteRow,
    TitleShown,
    Toggled,
)
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.events import Json

WORDINGS = (
    "Turn {state} {setting} in {panel} and save.",
    "In the {panel} settings, switch {setting} {state} and save.",
    "Open {panel}, turn {setting} {state}, then save the change.",
)

NUM_PANELS = 4
NUM_SETTINGS = 4  # in each panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One switch as it is at the start."""

    panel: str
    name: str
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        wording: Index of the goal's wording.
        panels: The panels, in order.
        settings: All switches, panel by panel; no two share a name.
        target: The switch to change to its other state.
    """

    wording: int
    panels: tuple[str, ...]
    settings: tuple[Setting, ...]
    target: Setting


class SettingsToggle(Task[Facts]):
    """Open the right panel, flip the right switch, save."""

    name = "settings-toggle"
    category = Category.SETTINGS
    start_url = "http://settings.localhost/"
    max_steps = 6

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        panels = tuple(rng.sample(PANELS, NUM_PANELS))
        # Few words in many pairs: a name shares each of its words with other names.
        kinds, things = rng.sample(SETTING_KINDS, 5), rng.sample(SETTING_THINGS, 5)
        pairs = [f"{kind} {thing}" for kind in kinds for thing in things]
        names = rng.sample(pairs, NUM_PANELS * NUM_SETTINGS)
        settings = tuple(
            Setting(panel=panels[i // NUM_SETTINGS], name=name, is_on=rng.random() < 0.5)
            for i, name in enumerate(names)
        )
        return Facts(
            wording=rng.randrange(len(WORDINGS)),
            panels=panels,
            settings=settings,
            target=rng.choice(settings),
        )

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        database = world.site("settings")
        database.executemany(
            "INSERT INTO panels (name) VALUES (?)", [(panel,) for panel in facts.panels]
        )
        database.executemany(
            "INSERT INTO settings (panel, name, enabled) VALUES (?, ?, ?)",
            [(setting.panel, setting.name, int(setting.is_on)) for setting in facts.settings],
        )

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        return WORDINGS[facts.wording].format(
            panel=facts.target.panel,
            setting=facts.target.name,
            state="off" if facts.target.is_on else "on",
        )

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        target = facts.target
        toggled = Toggled(name=target.name, checked=not target.is_on)
        stored = SiteRow(site="settings", table="settings", values=_row(target))
        return (
            Milestone(
                name="panel-opened",
                value=0.25,
                detector=TitleShown(f"{target.panel} - Settings"),
            ),
            Milestone(name="switch-changed", value=0.25, detector=toggled),
            Milestone(
                name="changes-saved",
                value=0.5,
                detector=AllOf(InOrder(toggled, NotificationShown("Changes saved")), stored),
            ),
        )

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        return OnlyChanges(site="settings", table="settings", allowed=(_row(facts.target),))

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        observation = yield Click(ref=ref_of(observation, "link", facts.target.panel))
        observation = yield Click(ref=ref_of(observation, "switch", facts.target.name))
        yield Click(ref=ref_of(observation, "button", "Save"))


def _row(target: Setting) -> dict[str, Json]:
    """Return the changed row."""
    return {"panel": target.panel, "name": target.name, "enabled": int(not target.is_on)}
