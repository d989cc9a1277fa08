"""Tokens for many users, fetched on several connections and kept for the next load."""

from __future__ import annotations

import asyncio

from openmimc.bench.errors import BenchError
from openmimc.bench.http_lane import HttpLane
from openmimc.bench.orders import Door
from openmimc.client.errors import TokenUnavailable
from openmimc.client.tokens import Credentials, parse_token_answer

LANES = 16


def account_name(number: int) -> str:
    """Name of the how many-th user of the benchmark."""
    return f"bench-{number}"


def app_fields(door: Door) -> dict[str, str]:
    """The fields by which a body proves that the app's server sends it."""
    return {"appId": door.app_id, "appKey": door.app_key, "appSecret": door.app_secret}


class TokenStock:
    """Tokens by app and account."""

    def __init__(self) -> None:
        self._stock: dict[tuple[str, int], Credentials] = {}

    async def get(self, door: Door, accounts: range) -> list[Credentials]:
        """Return tokens of these accounts, fetching those that are not there.

        Raises:
            BenchError: The server refuses or does not answer.
        """
        missing = [number for number in accounts if (door.app_id, number) not in self._stock]
        queue = iter(missing)

        async def fetch_some() -> None:
            lane = await HttpLane.open(door.http)
            try:
                for number in queue:
                    body = {**app_fields(door), "appAccount": account_name(number)}
                    answer = await lane.post("/api/account/token", body)
                    try:
                        self._stock[door.app_id, number] = parse_token_answer(answer)
                    except TokenUnavailable as error:
                        raise BenchError(f"no token: {error}") from error
            finally:
                lane.close()

        await asyncio.gather(*(fetch_some() for _ in range(min(LANES, len(missing)))))
        return [self._stock[door.app_id, number] for number in accounts]
