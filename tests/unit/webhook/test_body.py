from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.model.callback import CallbackKind
from openmimc.webhook.body import serialize_body
from tests.unit.webhook.events import APP_ID, SEQUENCE, TOPIC_ID, make_event, make_message


@pytest.mark.parametrize("kind", [CallbackKind.INSTANT_P2P, CallbackKind.OFFLINE_P2P])
def test_a_one_to_one_message_has_the_manuals_fields_and_the_newer_ones(kind: CallbackKind) -> None:
    """Source: operation manual, "Message Callback"; protocol reference, 9.7 and 9.9."""
    body = json.loads(serialize_body(make_event(kind)))

    assert body == {
        "msgType": kind.value,
        "eventId": "9007199254740993",
        "fromAppId": str(APP_ID),
        "fromAccount": "alice",
        "fromResource": "phone",
        "toAppId": str(APP_ID),
        "toAccount": "bob",
        "toResource": "",
        "payload": "aGk=",
        "timestamp": SEQUENCE // 10_000,
        "packetId": "p1",
        "sequence": str(SEQUENCE),
        "bizType": "",
    }


@pytest.mark.parametrize("kind", [CallbackKind.INSTANT_P2T, CallbackKind.OFFLINE_P2T])
def test_a_topics_message_names_its_topic_and_accounts(kind: CallbackKind) -> None:
    body = json.loads(serialize_body(make_event(kind, to_accounts=("bob", "卡罗尔"))))

    assert body == {
        "msgType": kind.value,
        "eventId": "9007199254740993",
        "appId": str(APP_ID),
        "topicId": str(TOPIC_ID),
        "fromAccount": "alice",
        "fromResource": "phone",
        "toAccounts": ["bob", "卡罗尔"],
        "payload": "aGk=",
        "timestamp": SEQUENCE // 10_000,
        "packetId": "p1",
        "sequence": str(SEQUENCE),
        "bizType": "",
    }


def test_the_apps_own_label_is_told() -> None:
    event = make_event(message=make_message(biz_type="order"))

    assert json.loads(serialize_body(event))["bizType"] == "order"


@given(st.binary(max_size=300))
def test_any_payload_comes_back_from_base64(payload: bytes) -> None:
    event = make_event(message=make_message(payload=payload))

    assert base64.b64decode(json.loads(serialize_body(event))["payload"], validate=True) == payload


def test_every_attempt_has_the_same_bytes() -> None:
    assert serialize_body(make_event()) == serialize_body(make_event())
