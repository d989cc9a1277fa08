from __future__ import annotations

import pytest

from openmimc.webhook.retry import retry_at_ms


@pytest.mark.parametrize(("attempts", "pause_s"), [(1, 5), (2, 30), (3, 300)])
def test_pauses_grow_as_the_manual_says(attempts: int, pause_s: int) -> None:
    assert retry_at_ms(attempts, 1_000) == 1_000 + pause_s * 1_000


@pytest.mark.parametrize("attempts", [4, 5, 100])
def test_after_the_third_repeat_there_is_no_other(attempts: int) -> None:
    assert retry_at_ms(attempts, 1_000) is None
