"""The invented figures: what they are, what is said of them, how they are drawn."""

from dataset_tools.sets.figures import BACKS, HEADS, caption, draw, figure


def test_the_seed_and_the_index_decide() -> None:
    """The same on every machine: these are written down."""
    assert caption(figure(2024, 0)) == (
        "fortnite style, stylized game character, full body, front view, arms spread, slim build, "
        "full-face blonde helmet, orange jacket, black skirt, blonde belt, blonde cape, holding a shield, "
        "gradient background from orange to blue"
    )
    assert figure(1, 0) != figure(2, 0)
    assert len({caption(figure(7, index)) for index in range(500)}) == 500


def test_every_option_comes_in_turn() -> None:
    """Traits are dealt like cards."""
    assert {figure(3, index).head for index in range(len(HEADS))} == set(HEADS)
    assert {figure(3, index).back for index in range(len(BACKS))} == set(BACKS)


def test_what_cannot_be_seen_is_not_said() -> None:
    """No hair under a hood, no face in a helmet, no legs under a robe."""
    several = [figure(5, index) for index in range(100)]
    assert {one.head for one in several} == set(HEADS)
    for one in several:
        words = caption(one)
        assert ("skin" in words) == (one.head != "helmet")
        assert (" hair" in words) == one.head.endswith("hair")
        assert (f" {one.legwear}" in words) == (one.top != "long robe")
        assert "\n" not in words


def test_pictures_are_as_large_as_asked_and_all_different() -> None:
    """Square, RGB, of several colours, the same each time."""
    pictures = [draw(figure(2024, index), 64) for index in range(60)]
    assert {(picture.mode, picture.size) for picture in pictures} == {("RGB", (64, 64))}
    assert len({picture.tobytes() for picture in pictures}) == 60
    assert all(len(picture.getcolors(64 * 64) or []) > 20 for picture in pictures)
    assert draw(figure(2024, 3), 64).tobytes() == pictures[3].tobytes()
