import random
from dataclasses import replace

from cairn.agents.trajectory import Turn
from cairn.trainers.replay import Successes
from tests.trainers.tiny import trajectory, turn


def refused(after: Turn) -> Turn:
    return replace(after, observation=replace(after.observation, is_error=True))


def test_only_turns_of_successes_are_kept() -> None:
    successes = Successes(10)
    successes.add([trajectory(turn((1, 2), (3,))), trajectory(turn((4,), (5, 6)), success=True)])
    successes.add([trajectory(turn((7,), (8,)), void="browser: crashed")])
    [sample] = successes.draw(5, random.Random(0))
    assert sample.ids == (4, 5, 6)
    assert sample.is_trained == (False, True, True)


def test_what_the_page_refused_is_not_imitated() -> None:
    turns = [turn((1,), (2,)), turn((3,), (4,)), refused(turn((5,), (6,))), turn((7,), (8,))]
    successes = Successes(10)
    successes.add([trajectory(*turns, success=True)])
    drawn = {sample.ids for sample in successes.draw(9, random.Random(0))}
    assert drawn == {(1, 2), (5, 6), (7, 8)}


def test_older_turns_are_forgotten() -> None:
    successes = Successes(2)
    successes.add(trajectory(turn((n,), (n,)), success=True) for n in (1, 2, 3))
    assert len(successes) == 2
    assert {sample.ids for sample in successes.draw(2, random.Random(0))} == {(2, 2), (3, 3)}


def test_a_restored_memory_draws_the_same() -> None:
    one, two = Successes(10), Successes(10)
    one.add(trajectory(turn((n,), (n, 9)), success=True) for n in range(1, 8))
    two.load_state(one.state())
    assert one.draw(3, random.Random(5)) == two.draw(3, random.Random(5))
