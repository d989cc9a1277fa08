"""A notifier for browsers and installed web apps: Web Push (RFC 8030), encrypted for each subscription.

Configuration comes from the environment: VAPID_PRIVATE_KEY (a file's path or the key itself), VAPID_CONTACT (an
address for the push service's operator, such as mailto:ops@example.com) and SUBSCRIPTIONS, a JSON file:

    {"alice": [{"endpoint": "https://...", "keys": {"p256dh": "...", "auth": "..."}}], ...}

Each entry is what ``PushManager.subscribe()`` gave in the user's browser. A real app has them in a database.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pywebpush import WebPushException, webpush

if TYPE_CHECKING:
    from offline_message_service import OfflineMessage

TIME_TO_LIVE_S = 86_400
"""So long the push service keeps a notification for a device that is off."""

TIMEOUT_S = 5.0
GONE = (404, 410)
"""Statuses by which a push service says that a subscription has ended."""


class WebPushNotifier:
    """Sends a notification to every subscription of an account."""

    def __init__(self, private_key: str, contact: str, subscriptions: Path) -> None:
        self._private_key = private_key
        self._contact = contact
        self._subscriptions = subscriptions

    @classmethod
    def from_environment(cls) -> WebPushNotifier:
        """Read the configuration; end the program with a clear sentence if a part of it is missing."""
        try:
            return cls(
                os.environ["VAPID_PRIVATE_KEY"], os.environ["VAPID_CONTACT"], Path(os.environ["SUBSCRIPTIONS"])
            )
        except KeyError as missing:
            sys.exit(f"offline_message_service: set {missing.args[0]} in the environment")

    async def notify(self, account: str, message: OfflineMessage) -> None:
        """Tell all browsers of an account; without any, there is nothing to do.

        Raises:
            WebPushException: A push service did not take it.
        """
        notification = json.dumps(
            {"from": message.from_account, "topicId": message.topic_id, "timestamp": message.timestamp_ms}
        )
        for subscription in self._subscriptions_of(account):
            await asyncio.to_thread(self._send, subscription, notification)

    def _send(self, subscription: dict[str, Any], notification: str) -> None:
        try:
            webpush(
                subscription,
                notification,
                vapid_private_key=self._private_key,
                vapid_claims={"sub": self._contact},
                ttl=TIME_TO_LIVE_S,
                timeout=TIMEOUT_S,
            )
        except WebPushException as error:
            if error.response is None or error.response.status_code not in GONE:
                raise
            # A real app would delete it; this one only reads its file.
            print("offline_message_service: a subscription has ended", file=sys.stderr)

    def _subscriptions_of(self, account: str) -> list[dict[str, Any]]:
        """Read anew each time, so that new subscriptions need no restart."""
        found: list[dict[str, Any]] = json.loads(self._subscriptions.read_text()).get(account, [])
        return found
