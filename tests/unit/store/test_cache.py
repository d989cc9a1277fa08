"""The bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openmimc.store.sqlite.cache import LruCache

KEYS = st.integers(0, 6)


@given(
    st.lists(
        st.tuples(st.just("put"), KEYS, st.integers(1, 7))
        | st.tuples(st.sampled_from(["get", "drop"]), KEYS, st.none())
    )
)
def test_it_holds_what_was_used_last_within_its_bound(steps: list[tuple[str, int, int | None]]) -> None:
    """Compared with a list in the order of use."""
    cache: LruCache[int, int] = LruCache(max_weight=6)
    model: list[tuple[int, int]] = []

    for step, key, weight in steps:
        known = next((entry for entry in model if entry[0] == key), None)
        if step == "get":
            assert cache.get(key) == (known[1] if known else None)
            if known:
                model.remove(known)
                model.append(known)
            continue
        if known:
            model.remove(known)
        if step == "drop":
            cache.drop(key)
        elif weight is not None:
            cache.put(key, weight, weight)
            if weight <= 6:
                model.append((key, weight))
            while sum(entry[1] for entry in model) > 6:
                model.pop(0)
        assert len(cache) == len(model)

    assert {key: cache.get(key) for key in range(7)} == {key: dict(model).get(key) for key in range(7)}


def test_clearing_makes_room() -> None:
    cache: LruCache[str, int] = LruCache(max_weight=2)
    cache.put("a", 1, 2)

    cache.clear()
    cache.put("b", 2, 2)

    assert (cache.get("a"), cache.get("b")) == (None, 2)
