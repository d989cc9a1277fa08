"""The bus of one process."""

from __future__ import annotations

from openmimc.bus.local import LocalBus
from openmimc.model.ids import AppId, Position, Sequence, TopicId, UserId
from openmimc.model.message import Commit, Kind, Message, Sender


def _commit(number: int) -> Commit:
    sender = Sender(AppId(1), UserId(1), "alice", "phone")
    message = Message(
        Sequence(number), Kind.P2P, sender, UserId(2), "bob", TopicId(0), f"p{number}", b"", None, True
    )
    return Commit(message, is_repeat=False, recipients=((UserId(2), Position(number)),))


def test_every_listener_hears_everything_in_order() -> None:
    bus = LocalBus()
    heard: list[list[Commit]] = [[], []]
    for list_ in heard:
        bus.subscribe(list_.append)

    for number in range(1, 4):
        bus.publish(_commit(number))

    assert heard == [[_commit(1), _commit(2), _commit(3)]] * 2


def test_publishing_without_listeners_is_harmless() -> None:
    LocalBus().publish(_commit(1))
