"""A short fuzzing run on plain Python: mutates the protocol's test vectors for some seconds.

    python fuzz/run_short.py --seconds 60 [--seed N]

Exits with 1, and prints the input, when something comes out that ``fuzz_connection`` does not allow. The same
seed tries the same inputs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz_connection import Depth, one_input

VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "protocol-vectors.json"

_INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff" * 9 + b"\x01",
    b"\xc2\xfe\x00\x05",
    b"\xc2\xfe\x00\x04",
    b"\xed\xa0\x80",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
)
_MAX_INPUT_BYTES = 4096


def seeds() -> list[bytes]:
    """Inputs that get far: every packet of the vectors at every depth, for both ends."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    inputs = []
    for web_bit, group in ((0, "tcp"), (2, "websocket")):
        for vector in vectors[group].values():
            packet = bytes.fromhex(vector[f"{group}_packet_hex"])
            header = bytes.fromhex(vector.get("client_header_hex", ""))
            payload = bytes.fromhex(vector.get("payload_plain_hex", ""))
            for choice in (4, 5):
                start = choice | web_bit
                inputs += [
                    bytes((start | Depth.FRESH_STREAM << 3, 0)) + packet,
                    bytes((start | Depth.STREAM << 3, 7)) + packet,
                    bytes((start | Depth.HEADER << 3, len(header))) + header + payload,
                    bytes((start | Depth.PAYLOAD << 3, 0)) + payload,
                ]
    return inputs


def mutate(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """One to four small damages."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(out) + 1)
        match random.randrange(6):
            case 0 if at < len(out):
                out[at] ^= 1 << random.randrange(8)
            case 1 if at < len(out):
                out[at] = random.randrange(256)
            case 2:
                out[at:at] = random.choice(_INTERESTING)
            case 3:
                del out[at : at + random.randint(1, 8)]
            case 4:
                other = random.choice(others)
                begin = random.randrange(len(other))
                out[at:at] = other[begin : begin + random.randint(1, 64)]
            case _:
                out[at : at + 4] = random.randbytes(4)
    return bytes(out[:_MAX_INPUT_BYTES])


def run(seconds: float, seed: int, try_input: Callable[[bytes], None] = one_input) -> int:
    """Try inputs for so long; return how many.

    Args:
        seconds: Of wall-clock time.
        seed: The same one makes the same inputs.
        try_input: What is done with each; an exception that comes out is a find.

    Raises:
        SystemExit: one of them brought an error out that is not allowed.
    """
    random = Random(seed)  # noqa: S311 - repeatable inputs, not secrets
    corpus = seeds()
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        data = random.choice(corpus) if count >= len(corpus) else corpus[count]
        if count >= len(corpus):
            data = mutate(random, data, corpus)
        try:
            try_input(data)
        except Exception:
            traceback.print_exc()
            sys.exit(f"seed {seed}, input {count}: {data.hex()}")
        count += 1
    return count


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description="Mutate the protocol's test vectors for some seconds.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    arguments = parser.parse_args()
    count = run(arguments.seconds, arguments.seed)
    print(f"{count} inputs, seed {arguments.seed}: nothing found")


if __name__ == "__main__":
    main()
