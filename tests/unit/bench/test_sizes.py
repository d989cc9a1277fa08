from __future__ import annotations

import pytest

from openmimc.bench.sizes import packet_sizes
from openmimc.bench.talk_kind import TalkKind


@pytest.mark.parametrize("kind", TalkKind)
def test_the_payload_is_in_the_message_and_in_the_list_only(kind: TalkKind) -> None:
    small, large = packet_sizes(kind, 200), packet_sizes(kind, 1200)

    # A few bytes more, for longer lengths of the fields around it.
    assert 1000 <= large.message - small.message <= 1010
    assert 1000 <= large.list - small.list <= 1010
    assert (large.ack, large.sequence_ack) == (small.ack, small.sequence_ack)
    assert all(0 < size < 400 for size in (small.ack, small.sequence_ack))
