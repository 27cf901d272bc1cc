"""MiniWoB++, a guest suite: small pages that nobody here wrote, in the ordinary environment."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action
from cairn.envs.guests.miniwob_oracles import ORACLES
from cairn.envs.observation import Observation
from cairn.envs.sites.miniwob import find_pages
from cairn.envs.task import Category, Task
from cairn.envs.world import World
from cairn.rewards.detectors import SiteRow
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.errors import SetupError, TaskError

PAGES = """
ascending-numbers bisect-angle book-flight-nodelay book-flight button-delay buy-ticket
chase-circle choose-date-easy choose-date-medium choose-date-nodelay choose-date choose-list
circle-center click-button-sequence click-button click-checkboxes-large click-checkboxes-soft
click-checkboxes-transfer click-checkboxes click-collapsible-2-nodelay click-collapsible-2
click-collapsible-nodelay click-collapsible click-color click-dialog-2 click-dialog click-link
click-menu-2 click-menu click-option click-pie-nodelay click-pie click-scroll-list
click-shades click-shape click-tab-2-easy click-tab-2-hard click-tab-2-medium click-tab-2
click-tab click-test-2 click-test-transfer click-test click-widget copy-paste-2 copy-paste
count-shape count-sides daily-calendar drag-box drag-circle drag-cube drag-items-grid
drag-items drag-shapes-2 drag-shapes drag-single-shape drag-sort-numbers draw-circle draw-line
email-inbox-delete email-inbox-forward-nl-turk email-inbox-forward-nl email-inbox-forward
email-inbox-important email-inbox-nl-turk email-inbox-noscroll email-inbox-reply
email-inbox-star-reply email-inbox enter-date enter-password enter-text-2 enter-text-dynamic
enter-text enter-time find-greatest find-midpoint find-word focus-text-2 focus-text
form-sequence-2 form-sequence-3 form-sequence generate-number grid-coordinate guess-number
highlight-text-2 highlight-text hot-cold hover-shape identify-shape login-user-popup
login-user moving-items multi-layouts multi-orderings navigate-tree number-checkboxes
odd-or-even order-food phone-book read-table-2 read-table resize-textarea right-angle
scroll-text-2 scroll-text search-engine sign-agreement simon-says simple-algebra
simple-arithmetic social-media-all social-media-some social-media stock-market terminal
text-editor text-transform tic-tac-toe unicode-test use-autocomplete-nodelay use-autocomplete
use-colorwheel-2 use-colorwheel use-slider-2 use-slider use-spinner visual-addition
""".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        seed: What the page's own generator starts from.
    """

    seed: int


class MiniWoBTask(Task[Facts]):
    """Do what a page of MiniWoB++ asks; its own reward decides.

    Args:
        page: Name of the page, such as `click-test`.
    """

    category = Category.GUEST
    max_steps = 30

    def __init__(self, page: str) -> None:
        self.page = page
        self.name = f"miniwob-{page}"
        self.start_url = f"http://miniwob.localhost/miniwob/{page}.html"

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        return Facts(seed=rng.randrange(2**31))

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        statement = "INSERT INTO episodes (page, seed) VALUES (?, ?)"
        world.site("miniwob").execute(statement, (self.page, facts.seed))

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        del facts
        return "Do what the page asks in its first lines."

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        return (Milestone(name="rewarded", value=1.0, detector=self.goal_check(facts)),)

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        del facts
        return _ended(is_success=True)

    def failure(self, facts: Facts) -> Detector:
        """See `Task`."""
        del facts
        return _ended(is_success=False)

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        del facts
        if self.page not in ORACLES:
            raise TaskError(f"task {self.id!r} has no scripted solution")
        return ORACLES[self.page](observation)


def _ended(*, is_success: bool) -> SiteRow:
    values = {"is_success": int(is_success)}
    return SiteRow(site="miniwob", table="episodes", values=values)


def _is_installed() -> bool:
    try:
        find_pages()
    except SetupError:
        return False
    return True


# Both are empty where the package is missing.
TASKS = {task.id: task for task in map(MiniWoBTask, PAGES if _is_installed() else ())}
SUITES = {
    "miniwob": tuple(TASKS),
    "miniwob-scripted": tuple(task.id for task in TASKS.values() if task.page in ORACLES),
} if TASKS else {}
