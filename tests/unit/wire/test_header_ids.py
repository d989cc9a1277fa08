import string
from concurrent.futures import ThreadPoolExecutor

from openmimc.wire.header_ids import next_header_id


def test_ids_are_twelve_hex_digits() -> None:
    header_id = next_header_id()

    assert len(header_id) == 12
    assert set(header_id) <= set(string.hexdigits.lower())


def test_no_id_is_given_twice_even_to_several_threads() -> None:
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(lambda _: next_header_id(), range(5000)))

    assert len(set(ids)) == len(ids)
