"""What the console's pages are made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from openmimc.admin.guard import Guard
from openmimc.admin.render import Pages
from openmimc.domain.accounts import Accounts
from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import Callbacks
from openmimc.domain.counts import MessageCounts
from openmimc.domain.message_life import MessageLives
from openmimc.domain.operators import Operators
from openmimc.domain.ports import Clock, GroupStore, TopicStore


class ConsoleServices(Struct, frozen=True):
    """The rules behind the pages, and what the pages share.

    Attributes:
        topics_store: For lists of topics, whoever is in them.
        groups_store: Likewise of unlimited groups.
        health: How the server is now, as ``openmimc.app.health.Health``.
    """

    guard: Guard
    pages: Pages
    apps: Apps
    operators: Operators
    accounts: Accounts
    lives: MessageLives
    counts: MessageCounts
    callbacks: Callbacks
    clock: Clock
    topics_store: TopicStore
    groups_store: GroupStore
    health: Callable[[], Any]
