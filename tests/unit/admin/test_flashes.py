from __future__ import annotations

from openmimc.admin.flashes import KEPT_S, MAX_WAITING, NOTHING, Flash, Flashes, Secret

SECRET = Secret("App secret", "s3cret", "Keep it.")
FLASH = Flash(("done",), (SECRET,))


class Watch:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_page_shows_it_once() -> None:
    flashes = Flashes(Watch())
    flashes.put("ada", "/console/apps", FLASH)

    assert flashes.take("ada", "/console/apps") == FLASH
    assert flashes.take("ada", "/console/apps") == NOTHING


def test_other_sessions_and_other_pages_do_not_see_it() -> None:
    flashes = Flashes(Watch())
    flashes.put("ada", "/console/apps", FLASH)

    assert flashes.take("bob", "/console/apps") == NOTHING
    assert flashes.take("ada", "/console/server") == NOTHING
    assert flashes.take("ada", "/console/apps") == FLASH


def test_a_secret_does_not_wait_for_ever() -> None:
    watch = Watch()
    flashes = Flashes(watch)
    flashes.put("ada", "/console/apps", FLASH)

    watch.now_s = KEPT_S

    assert flashes.take("ada", "/console/apps") == NOTHING


def test_the_newest_deed_counts() -> None:
    watch = Watch()
    flashes = Flashes(watch)
    flashes.put("ada", "/a", Flash(("first",)))
    watch.now_s = KEPT_S / 2
    flashes.put("ada", "/b", Flash(("other",)))
    flashes.put("ada", "/a", Flash(("second",)))

    watch.now_s = KEPT_S

    assert flashes.take("ada", "/a") == Flash(("second",))
    assert flashes.take("ada", "/b") == Flash(("other",))


def test_what_nobody_looks_at_does_not_pile_up() -> None:
    flashes = Flashes(Watch())
    for number in range(MAX_WAITING + 1):
        flashes.put("ada", f"/{number}", FLASH)

    assert flashes.take("ada", "/0") == NOTHING
    assert flashes.take("ada", "/1") == FLASH
