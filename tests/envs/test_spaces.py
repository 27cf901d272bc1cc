"""The space of texts."""

import gymnasium

from cairn.envs.spaces import TextSpace


def test_text_space_holds_any_unicode_up_to_its_length() -> None:
    space = TextSpace(max_length=3)
    assert "" in space
    assert "ü漢😀" in space
    assert "abcd" not in space
    assert 3 not in space
    assert b"a" not in space


def test_samples_are_drawn_by_seed_and_belong_to_the_space() -> None:
    space = TextSpace(samples=("a", "b", "c", "d"))
    space.seed(3)
    first = [space.sample() for _ in range(20)]
    space.seed(3)
    assert [space.sample() for _ in range(20)] == first
    assert set(first) == {"a", "b", "c", "d"}
    assert all(text in space for text in first)


def test_text_spaces_are_equal_by_length() -> None:
    assert TextSpace(5) == TextSpace(5, samples=("x",))
    assert TextSpace(5) != TextSpace(6)
    assert TextSpace(5) != gymnasium.spaces.Discrete(5)
    assert len({TextSpace(5), TextSpace(5), TextSpace(6)}) == 2
    assert repr(TextSpace(5)) == "TextSpace(5)"
    assert not TextSpace().is_np_flattenable
