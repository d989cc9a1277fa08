"""Tells the apps' own servers what happened: takes callbacks from the outbox, signs, sends and repeats them.

Theory of operation. An append puts its callbacks into the outbox in its own transaction, so no crash can part
a message from them. One ``Dispatcher`` per node takes what is due, in places of its own for every app, and
settles each attempt in the store: forgotten when delivered, put off or dead when not. What was under way when
the process died is still in the outbox and is sent again, so a receiver gets everything at least once and tells
repeats by the event's id.

Knows nothing of rules, sessions, requests or SQL.
"""

from openmimc.webhook.dispatcher import Dispatcher
from openmimc.webhook.sender import Sender
from openmimc.webhook.stats import WebhookStats

__all__ = ["Dispatcher", "Sender", "WebhookStats"]
