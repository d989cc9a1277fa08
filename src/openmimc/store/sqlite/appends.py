"""Stores a batch of messages: who may, who gets them, and the rows of all, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from openmimc.errors import DomainError, NoSuchTopic, NotAMember, SenderBlocked
from openmimc.model.ids import SEQUENCES_PER_MS, Position, TopicId, UserId
from openmimc.model.ids import Sequence as MessageSequence
from openmimc.model.message import CallbackWish, Commit, Draft, Kind, Message
from openmimc.store.sqlite import (
    accounts,
    blacklist,
    callbacks,
    contacts,
    counts,
    devices,
    groups,
    numbers,
    topics,
)
from openmimc.store.sqlite.accounts import AccountKey
from openmimc.store.sqlite.bulk import Bulk, SqlValue
from openmimc.store.sqlite.counts import SEQUENCES_PER_HOUR, CountKey
from openmimc.store.sqlite.ledger import Audience, Ledger, Pair
from openmimc.store.sqlite.messages import ROW, rows_decoder
from openmimc.store.sqlite.numbers import ConversationKey

REPEAT_WINDOW_MS = 24 * 3600 * 1000
"""How long a packet id is remembered. Source: protocol reference, 10 (repeated packetId)."""

PacketKey = tuple[UserId, str]

_REPEATS = Bulk(
    ("sender_id", "packet_hash", "packet_id"),
    f"SELECT json_group_array({ROW}) FROM v"  # noqa: S608 - ROW is a constant of ours
    " CROSS JOIN packet p ON p.sender_id = v.sender_id AND p.packet_hash = v.packet_hash AND p.sequence >= ?"
    " CROSS JOIN message m ON m.sequence = p.sequence AND m.packet_id = v.packet_id",
)
_MESSAGE_COLUMNS = (
    "sequence",
    "app_id",
    "kind",
    "sender_id",
    "sender_account",
    "sender_resource",
    "target_id",
    "target_account",
    "packet_id",
    "payload",
    "biz_type",
    "is_store",
    "conv_index",
)


def _insert_into(table: str, columns: tuple[str, ...]) -> Bulk:
    names = ", ".join(columns)
    return Bulk(
        columns,
        f"INSERT INTO {table} ({names}) SELECT {names} FROM v WHERE sequence IS NOT NULL",  # noqa: S608 - constants of ours
    )


_MESSAGES = _insert_into("message", _MESSAGE_COLUMNS)
_PACKETS = _insert_into("packet", ("sender_id", "packet_hash", "sequence"))
_INBOXES = _insert_into("inbox", ("user_id", "sequence"))
_TOPIC_INBOXES = Bulk(
    ("topic_id", "sequence", "sender_id"),
    "INSERT INTO inbox (user_id, sequence) SELECT t.user_id, v.sequence FROM v"
    " CROSS JOIN topic_member t ON t.topic_id = v.topic_id AND t.user_id <> v.sender_id",
)


def hash_of(packet_id: str) -> int:
    """Return a signed 64-bit hash. Nobody can make packet ids collide at will and so slow the writer down."""
    return int.from_bytes(blake2b(packet_id.encode(), digest_size=8).digest(), "big", signed=True)


class _Judgement(Struct, frozen=True):
    """What becomes of each draft of a batch; nothing has been changed yet.

    Attributes:
        hashes: Of the drafts' packet ids.
        to_keys: App and account of the drafts' recipients; of no meaning for topics.
        stored: First messages of packet ids that were stored before.
        accepted: Index of the draft to be stored for each packet id; of several with the same, the first.
        to_number: Indexes of those of them that ask for a number in their conversation.
        refusals: By index.
        audiences: Of the topics.
        user_ids: Of the recipients that have an account.
    """

    now_ms: int
    keys: list[PacketKey]
    hashes: list[int]
    to_keys: list[AccountKey]
    stored: dict[PacketKey, Message]
    accepted: dict[PacketKey, int]
    to_number: list[int]
    refusals: dict[int, DomainError]
    audiences: dict[TopicId, Audience]
    user_ids: dict[AccountKey, UserId]


def append(ledger: Ledger, drafts: Sequence[Draft]) -> list[Commit | DomainError]:
    """Store messages and put them into inboxes, as if one after the other; return what each came to."""
    judgement = _judge(ledger, drafts)
    stored = dict(judgement.stored)
    commits = _store(ledger, drafts, judgement, stored)
    return [
        commits.get(index)
        or judgement.refusals.get(index)
        or Commit(stored[key], is_repeat=True, recipients=())
        for index, key in enumerate(judgement.keys)
    ]


def append_together(ledger: Ledger, drafts: Sequence[Draft]) -> tuple[Commit, ...]:
    """Store messages like ``append``, or none.

    Raises:
        DomainError: The first refusal. Nothing was changed.
    """
    judgement = _judge(ledger, drafts)
    if judgement.refusals:
        raise judgement.refusals[min(judgement.refusals)]
    stored = dict(judgement.stored)
    commits = _store(ledger, drafts, judgement, stored)
    return tuple(
        commits.get(index) or Commit(stored[key], is_repeat=True, recipients=())
        for index, key in enumerate(judgement.keys)
    )


def _judge(ledger: Ledger, drafts: Sequence[Draft]) -> _Judgement:
    """Find out what is a repeat and what is refused. Refusals and repeats create no recipients."""
    now_ms = ledger.clock.now_ms()
    keys = [(draft.sender.user_id, draft.packet_id) for draft in drafts]
    hashes = [hash_of(draft.packet_id) for draft in drafts]
    stored = _find_repeats(ledger, keys, hashes, now_ms)
    audiences = topics.audiences_of(ledger, (draft.topic_id for draft in drafts if draft.kind is Kind.P2T))
    to_keys = [(draft.sender.app_id, draft.to_account) for draft in drafts]
    user_ids = accounts.find_ids(
        ledger, (key for key, draft in zip(to_keys, drafts, strict=True) if draft.kind is Kind.P2P)
    )
    blacklists = blacklist.blacklists_of(ledger, user_ids.values())
    speakers = [(draft.topic_id, draft.sender.user_id) for draft in drafts if draft.kind is Kind.GROUP]
    standings = groups.standings_of(ledger, speakers) if speakers else {}

    refusals: dict[int, DomainError] = {}
    accepted: dict[PacketKey, int] = {}
    to_number: list[int] = []
    for index, (draft, key) in enumerate(zip(drafts, keys, strict=True)):
        if key in stored or key in accepted:
            continue
        refusal: DomainError | None = None
        if draft.kind is Kind.P2T:
            refusal = _refusal_of(draft, audiences)
        elif draft.kind is Kind.GROUP:
            standing = standings.get((draft.topic_id, draft.sender.user_id))
            refusal = NoSuchTopic() if standing is None else standing.refusal_of(draft, now_ms)
        elif blacklists:
            recipient = user_ids.get(to_keys[index])
            if recipient is not None and draft.sender.user_id in blacklists.get(recipient, ()):
                refusal = SenderBlocked()
        if refusal is None:
            accepted[key] = index
            if draft.wants_index and draft.kind is not Kind.GROUP:
                to_number.append(index)
        else:
            refusals[index] = refusal
    return _Judgement(now_ms, keys, hashes, to_keys, stored, accepted, to_number, refusals, audiences, user_ids)


def _store(
    ledger: Ledger, drafts: Sequence[Draft], judgement: _Judgement, stored: dict[PacketKey, Message]
) -> dict[int, Commit]:
    """Write what was accepted; return the commits by index, and add the messages to ``stored``."""
    now_ms = judgement.now_ms
    audiences = judgement.audiences
    to_keys = judgement.to_keys
    new = [drafts[index] for index in judgement.accepted.values()]
    recipients = judgement.user_ids
    newcomers = {
        to_keys[index]: None
        for index in judgement.accepted.values()
        if to_keys[index] not in recipients and drafts[index].kind is Kind.P2P
    }
    if newcomers:
        recipients = recipients | accounts.create_ids(ledger, list(newcomers))
    indexes = _number(ledger, drafts, judgement, recipients) if judgement.to_number else {}
    resources = devices.resources_of(ledger, (draft.sender.user_id for draft in new if draft.copy_to_sender))

    commits: dict[int, Commit] = {}
    message_rows: list[tuple[SqlValue, ...]] = []
    packet_rows: list[tuple[SqlValue, ...]] = []
    inbox_rows: list[tuple[SqlValue, ...]] = []
    topic_rows: list[tuple[SqlValue, ...]] = []
    new_contacts: dict[Pair, MessageSequence] = {}
    causes: list[tuple[Message, CallbackWish]] = []
    by_hour: dict[CountKey, int] = {}
    for key, index in judgement.accepted.items():
        draft = drafts[index]
        sender = draft.sender
        sequence = ledger.next_sequence(now_ms)
        conv_index = indexes.get(index)
        kind = int(draft.kind)
        hour = (sender.app_id, sequence // SEQUENCES_PER_HOUR, kind)
        by_hour[hour] = by_hour.get(hour, 0) + 1
        devices_of_sender = resources[sender.user_id] if draft.copy_to_sender else ()
        # Most senders have one device: compared as a whole, it needs no loop.
        has_copy = devices_of_sender not in ((), (sender.resource,))
        if draft.kind is Kind.P2P:
            target_id: int = recipients[to_keys[index]]
            to_user_id = UserId(target_id)
            users: tuple[UserId, ...] = (to_user_id,)
            inbox_rows.append((target_id, sequence))
            has_copy = has_copy and target_id != sender.user_id
            if draft.is_store:
                one, other = sender.user_id, to_user_id
                pair = (one, other) if one < other else (other, one)
                if ledger.contacts.get(pair) is None:
                    new_contacts[pair] = sequence
        else:
            target_id = draft.topic_id
            to_user_id = UserId(0)
            if draft.kind is Kind.P2T:
                users = tuple(user for user in audiences[draft.topic_id].members if user != sender.user_id)
                topic_rows.append((target_id, sequence, sender.user_id))
            else:
                users = ()
                has_copy = False
        if has_copy:
            users += (sender.user_id,)
            inbox_rows.append((sender.user_id, sequence))
        message_rows.append(
            (
                sequence,
                sender.app_id,
                kind,
                sender.user_id,
                sender.account,
                sender.resource,
                target_id,
                draft.to_account,
                draft.packet_id,
                draft.payload,
                draft.biz_type,
                int(draft.is_store),
                conv_index,
            )
        )
        packet_rows.append((sender.user_id, judgement.hashes[index], sequence))
        message = Message(
            sequence=sequence,
            kind=draft.kind,
            sender=sender,
            to_user_id=to_user_id,
            to_account=draft.to_account,
            topic_id=draft.topic_id,
            packet_id=draft.packet_id,
            payload=draft.payload,
            biz_type=draft.biz_type,
            is_store=draft.is_store,
            index=conv_index or 0,
        )
        stored[key] = message
        position = Position(sequence)
        commits[index] = Commit(message, is_repeat=False, recipients=tuple((user, position) for user in users))
        wish = draft.callbacks
        if (wish.instant or wish.offline) and draft.kind is not Kind.GROUP:
            causes.append((message, wish))

    connection = ledger.connection
    _MESSAGES.run(connection, message_rows)
    _PACKETS.run(connection, packet_rows)
    _INBOXES.run(connection, inbox_rows)
    _TOPIC_INBOXES.run(connection, topic_rows)
    contacts.note(ledger, new_contacts)
    counts.add(connection, by_hour)
    callbacks.put_down(ledger, causes, now_ms)
    ledger.appended_messages += len(message_rows)
    return commits


def _number(
    ledger: Ledger, drafts: Sequence[Draft], judgement: _Judgement, recipients: dict[AccountKey, UserId]
) -> dict[int, int]:
    """Give the messages that ask for one the next number of their conversation; return the numbers by index."""
    conversations: dict[int, ConversationKey] = {}
    for index in judgement.to_number:
        draft = drafts[index]
        if draft.kind is Kind.P2P:
            one, other = draft.sender.user_id, recipients[judgement.to_keys[index]]
            conversations[index] = (min(one, other), max(one, other))
        else:
            conversations[index] = (0, draft.topic_id)
    last = numbers.last_of(ledger.connection, conversations.values())
    indexes: dict[int, int] = {}
    for index, conversation in conversations.items():
        last[conversation] += 1
        indexes[index] = last[conversation]
    numbers.keep(ledger.connection, last)
    return indexes


def _find_repeats(
    ledger: Ledger, keys: Sequence[PacketKey], hashes: Sequence[int], now_ms: int
) -> dict[PacketKey, Message]:
    """Return the first message of every packet id that was stored within the window."""
    rows = [
        (sender_id, packet_hash, packet_id)
        for (sender_id, packet_id), packet_hash in zip(keys, hashes, strict=True)
    ]
    oldest = (now_ms - REPEAT_WINDOW_MS) * SEQUENCES_PER_MS
    found = _REPEATS.fetch(ledger.connection, rows_decoder, rows, oldest)
    return {(row.sender_id, row.packet_id): row.message() for row in found}


def _refusal_of(draft: Draft, audiences: dict[TopicId, Audience]) -> DomainError | None:
    audience = audiences.get(draft.topic_id)
    if audience is None or audience.app_id != draft.sender.app_id:
        return NoSuchTopic()
    return None if draft.as_app or draft.sender.user_id in audience.members else NotAMember()
