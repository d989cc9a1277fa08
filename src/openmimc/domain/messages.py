"""Sending: what may be sent, and what happens to it.

Commit first, then tell the sender, then tell the recipients' nodes. Whatever door a message comes through
(a socket, the REST API), it passes here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from openmimc.domain.apps import Apps
from openmimc.domain.names import check_account
from openmimc.domain.ports import Bus, MessageStore
from openmimc.errors import BadRequest, DomainError, ForeignApp, TooBig, Unavailable, UnknownApp
from openmimc.model.app import AppSettings
from openmimc.model.ids import TopicId
from openmimc.model.message import Commit, Draft, Kind, Sender

log = structlog.get_logger(__name__)

Reply = Callable[[Commit | DomainError | Unavailable], None]
"""Told what became of a message, once, after it is on disk or refused."""

_MAX_TOPIC_ID = 2**63 - 1


class Messages:
    """Checks messages, stores them and has them delivered."""

    def __init__(self, store: MessageStore, apps: Apps, bus: Bus) -> None:
        self._store = store
        self._apps = apps
        self._bus = bus

    def send_p2p(
        self,
        sender: Sender,
        *,
        to_app_id: int | None,
        to_account: str,
        packet_id: str,
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
        reply: Reply,
    ) -> None:
        """Send to one account, which is created if need be.

        ``reply`` gets the commit, ``Unavailable``, or a refusal that only the store can see. A repeated
        ``packet_id`` gets the first message's commit.

        Raises:
            ForeignApp: ``to_app_id`` is given and not the sender's.
            MissingField, TooBig, BadRequest: The account or the payload cannot be accepted.
            UnknownApp: The app was deleted. Whatever is raised, nothing was stored and ``reply`` stays silent.
        """
        settings = self._check_settings(sender, to_app_id, payload)
        check_account(to_account)
        draft = Draft(
            Kind.P2P,
            sender,
            to_account,
            TopicId(0),
            packet_id,
            payload,
            biz_type,
            is_store,
            settings.copyToSender,
        )
        self._store.append(draft, partial(self._on_commit, reply))

    def send_p2t(
        self,
        sender: Sender,
        *,
        to_app_id: int | None,
        topic_id: int,
        packet_id: str,
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
        reply: Reply,
    ) -> None:
        """Send to a topic that the sender is a member of.

        ``reply`` may also get ``NoSuchTopic`` or ``NotAMember``; otherwise as ``send_p2p``.
        """
        settings = self._check_settings(sender, to_app_id, payload)
        if not 0 < topic_id <= _MAX_TOPIC_ID:
            raise BadRequest("topicId is out of range")
        draft = Draft(
            Kind.P2T,
            sender,
            "",
            TopicId(topic_id),
            packet_id,
            payload,
            biz_type,
            is_store,
            settings.copyToSender,
        )
        self._store.append(draft, partial(self._on_commit, reply))

    def _check_settings(self, sender: Sender, to_app_id: int | None, payload: bytes) -> AppSettings:
        app = self._apps.find(sender.app_id)
        if app is None:
            raise UnknownApp
        if to_app_id is not None and to_app_id != sender.app_id:
            raise ForeignApp
        if len(payload) > app.settings.payloadMaxBytes:
            raise TooBig(f"payload is larger than {app.settings.payloadMaxBytes} bytes")
        return app.settings

    def _on_commit(self, reply: Reply, result: Commit | DomainError | Unavailable) -> None:
        # One sender's broken connection must not keep the recipients from hearing of the message.
        try:
            reply(result)
        except Exception:
            log.exception("reply_failed")
        if isinstance(result, Commit) and result.recipients:
            self._bus.publish(result)
