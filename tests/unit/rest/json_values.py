"""Hypothesis strategies for JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

texts = st.one_of(
    # Half a surrogate pair can be written in JSON, so it can arrive.
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Zs", "Nd"]), max_size=5),
    st.sampled_from(["", ",", "null", "true", "0", "-1", "1" * 30, "bob,,carol", "a" * 300]),
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(min_value=-(2**70), max_value=2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
"""Any JSON, with a liking for what breaks parsers."""
