"""Search and retrieval: search for a term and open the right result."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action, Click, Fill
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.tasks.words import FIRST_NAMES, TITLE_WORDS, TOPICS
from cairn.envs.world import World
from cairn.rewards.detectors import ElementShown, FieldFilled, InOrder, NavigatedTo
from cairn.rewards.milestones import Detector, Milestone

WORDINGS = (
    "Search for {term} and open {title} by {author}.",
    "Find {title} by {author}: search for {term}, then open it.",
    "Search the library for {term}, then open the book {title} by {author}.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book of the library."""

    title: str
    author: str
    shelf: int

    @property
    def label(self) -> str:
        """What its entry in the results says."""
        return f"{self.title} by {self.author}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        wording: Index of the goal's wording.
        term: What to search for; part of several titles.
        target: The book to open.
        books: All books; their ids count from 1 in this order.
    """

    wording: int
    term: str
    target: Book
    books: tuple[Book, ...]


class SearchOpen(Task[Facts]):
    """Search for a term and open one of several similar books."""

    name = "search-open"
    category = Category.SEARCH
    start_url = "http://library.localhost/"
    max_steps = 6

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        term, *other_topics = rng.sample(TOPICS, 6)
        words, authors = rng.sample(TITLE_WORDS, 4), rng.sample(FIRST_NAMES, 4)
        # The target shares its title with one book and its author with another.
        found = [(words[0], authors[0]), (words[0], authors[1]), (words[1], authors[0])]
        found += [(words[2], authors[2]), (words[3], authors[3])]
        titles = [(f"{word} {term}", author) for word, author in found]
        titles += [(f"{rng.choice(words)} {topic}", rng.choice(authors)) for topic in other_topics]
        books = [
            Book(title=title, author=author, shelf=rng.randrange(100, 1000))
            for title, author in titles
        ]
        target = books[0]
        rng.shuffle(books)
        return Facts(
            wording=rng.randrange(len(WORDINGS)), term=term, target=target, books=tuple(books)
        )

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        world.site("library").executemany(
            "INSERT INTO books (title, author, shelf) VALUES (?, ?, ?)",
            [(book.title, book.author, book.shelf) for book in facts.books],
        )

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        return WORDINGS[facts.wording].format(
            term=facts.term, title=facts.target.title, author=facts.target.author
        )

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        queried = FieldFilled(name="Search", value=facts.term)
        listed = InOrder(queried, ElementShown(role="list", name=f"Results for {facts.term}"))
        number = facts.books.index(facts.target) + 1
        opened = NavigatedTo(url=f"http://library.localhost/books/{number}")
        return (
            Milestone(name="query-filled", value=0.25, detector=queried),
            Milestone(name="results-listed", value=0.5, detector=listed),
            Milestone(name="entry-opened", value=0.5, detector=InOrder(listed, opened)),
        )

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        return self.milestones(facts)[-1].detector

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        observation = yield Fill(ref=ref_of(observation, "textbox", "Search"), text=facts.term)
        observation = yield Click(ref=ref_of(observation, "button", "Search"))
        yield Click(ref=ref_of(observation, "link", facts.target.label))
