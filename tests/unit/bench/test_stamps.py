from __future__ import annotations

import pytest

from openmimc.bench.stamps import STAMP_BYTES, make_payload, read_stamp


@pytest.mark.parametrize("payload_bytes", [0, STAMP_BYTES, 200])
def test_a_stamp_can_be_read_again(payload_bytes: int) -> None:
    payload = make_payload(1 << 63, 7, 123_456_789, payload_bytes)

    assert read_stamp(payload) == (1 << 63, 7, 123_456_789)
    assert len(payload) == max(STAMP_BYTES, payload_bytes)


def test_other_payloads_belong_to_no_stream() -> None:
    assert read_stamp(b"hello") == (0, 0, 0)
