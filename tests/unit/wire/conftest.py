"""Both codecs, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openmimc.wire.codec import choose_codec, codec_name


# Per module, so that tests with drawn values may use it.
@pytest.fixture(scope="module", params=["native", "python"])
def codec(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have connections made with one codec, then with the other; says which.

    The native one is part of what is tested: where it was not built, this fails.
    """
    before = codec_name()
    choose_codec(request.param)
    yield request.param
    choose_codec(before)
