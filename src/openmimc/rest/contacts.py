"""``/api/contact``: with whom, and in which topics, the caller talked last.

Every value of an answer's items is a string, as the manual quotes them.

Source: protocol reference, 9.5.
"""

from __future__ import annotations

import base64

from litestar import delete, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.domain.auth import Auth
from openmimc.domain.contacts import Contacts
from openmimc.errors import Forbidden, MissingField, NoSuchTopic
from openmimc.model.contact import Contact
from openmimc.rest.answers import Answer, success
from openmimc.rest.callers import Callers
from openmimc.rest.documentation import Caller, Query, documented
from openmimc.rest.requests import ApiRequest, parse_topic_id, query_value, require

PATH = "/api/contact"

PAGE = "Recent contacts"
EXAMPLE = [
    {
        "userType": "USER",
        "id": "5087700012345678",
        "name": "bob",
        "timestamp": "1766003600123",
        "lastMessage": {
            "fromUuid": "5087700012345678",
            "fromAccount": "bob",
            "payload": "aGVsbG8=",
            "sequence": "17660036001230001",
        },
    }
]


class LastMessage(Struct, frozen=True, rename="camel"):
    """The newest message of a conversation. ``payload`` is base64."""

    from_uuid: str
    from_account: str
    payload: str
    sequence: str


class ContactData(Struct, frozen=True, rename="camel"):
    """A conversation.

    Attributes:
        user_type: ``USER`` or ``TOPIC``.
        id: The user's uuid, or the topic's id.
        name: The user's account, or the topic's name.
        timestamp: Time of the last message, UTC epoch milliseconds.
    """

    user_type: str
    id: str
    name: str
    timestamp: str
    last_message: LastMessage


def contact_data(contact: Contact) -> ContactData:
    """Spell one contact."""
    message = contact.last_message
    return ContactData(
        user_type="TOPIC" if contact.topic_id else "USER",
        id=str(contact.topic_id or contact.user_id),
        name=contact.name,
        timestamp=str(message.timestamp_ms),
        last_message=LastMessage(
            from_uuid=str(message.sender.user_id),
            from_account=message.sender.account,
            payload=base64.b64encode(message.payload).decode(),
            sequence=str(message.sequence),
        ),
    )


def contact_pages(auth: Auth, contacts: Contacts) -> list[HTTPRouteHandler]:
    """The pages of recent contacts; each answers with what the list is now."""
    callers = Callers(auth)

    @documented(
        PAGE,
        "With whom, and in which topics, the caller talked last",
        text="Newest first.",
        caller=Caller.USER_OF_APP,
        data_example=EXAMPLE,
        errors=(Forbidden,),
    )
    @get(PATH)
    async def list_contacts(request: ApiRequest) -> Answer[list[ContactData]]:
        caller = await callers.identify(request)
        return success([contact_data(contact) for contact in await contacts.list_mine(caller)])

    @documented(
        PAGE,
        "Hide an account until its next message",
        text="The answer is the remaining list.",
        caller=Caller.USER_OF_APP,
        query=(Query("member", "The other account.", "bob"),),
        data_example=EXAMPLE,
        errors=(Forbidden, MissingField),
    )
    @delete(f"{PATH}/p2p/session", status_code=200)
    async def delete_user(request: ApiRequest) -> Answer[list[ContactData]]:
        member = require("member", query_value(request, "member"))
        caller = await callers.identify(request)
        return success([contact_data(contact) for contact in await contacts.delete_user(caller, member)])

    @documented(
        PAGE,
        "Hide a topic until its next message",
        text="The answer is the remaining list.",
        caller=Caller.USER_OF_APP,
        query=(Query("topicId", "The topic's id.", "8103265498034170"),),
        data_example=EXAMPLE,
        errors=(Forbidden, MissingField, NoSuchTopic),
    )
    @delete(f"{PATH}/p2t/session", status_code=200)
    async def delete_topic(request: ApiRequest) -> Answer[list[ContactData]]:
        topic_id = parse_topic_id(require("topicId", query_value(request, "topicId")))
        caller = await callers.identify(request)
        return success([contact_data(contact) for contact in await contacts.delete_topic(caller, topic_id)])

    return [list_contacts, delete_user, delete_topic]
