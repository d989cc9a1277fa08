-- The schema of the embedded store. Times are UTC epoch milliseconds.
-- A sequence is timestamp_ms * 10000 + n; on this store it is also the message's position in every inbox.

CREATE TABLE meta (
  -- apps_version:   grows with every change of the table app, in the same transaction
  -- last_sequence:  no sequence up to this one is given again, even if its message was deleted
  -- ready_probe_ms: last time that a readiness probe wrote
  key TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('apps_version', 0), ('last_sequence', 0), ('ready_probe_ms', 0);

CREATE TABLE app (
  app_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  package TEXT NOT NULL,
  key TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  key_generation INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  settings TEXT NOT NULL -- JSON object, a member per setting
) STRICT;

CREATE TABLE account (
  user_id INTEGER PRIMARY KEY,
  app_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  token_generation INTEGER NOT NULL DEFAULT 0,
  banned INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  UNIQUE (app_id, name)
) STRICT;

CREATE TABLE device (
  user_id INTEGER NOT NULL,
  resource TEXT NOT NULL,
  cursor INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,
  PRIMARY KEY (user_id, resource)
) STRICT, WITHOUT ROWID;

-- The one wide table: rows are only ever added at its end. The accounts' names stand in the row, because
-- they never change, and so a message can be read whole even when an account of it is gone.
CREATE TABLE message (
  sequence INTEGER PRIMARY KEY,
  app_id INTEGER NOT NULL,
  kind INTEGER NOT NULL, -- 1 one-to-one, 2 to a topic
  sender_id INTEGER NOT NULL,
  sender_account TEXT NOT NULL,
  sender_resource TEXT NOT NULL,
  target_id INTEGER NOT NULL, -- user or topic
  target_account TEXT NOT NULL, -- '' for a topic
  packet_id TEXT NOT NULL,
  payload BLOB NOT NULL,
  biz_type TEXT,
  is_store INTEGER NOT NULL
) STRICT;

-- History. A one-to-one conversation is the unordered pair of its users; sequence, being the rowid, ends every
-- entry by itself.
CREATE INDEX message_conversation ON message (min(sender_id, target_id), max(sender_id, target_id))
  WHERE kind = 1 AND is_store = 1;
CREATE INDEX message_topic ON message (target_id) WHERE kind = 2 AND is_store = 1;

-- Retention: exact ranges per app and per how long it keeps the message.
CREATE INDEX message_retention ON message (app_id, is_store);

-- What lies in whose inbox.
CREATE TABLE inbox (
  user_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (user_id, sequence)
) STRICT, WITHOUT ROWID;

-- Up to this sequence (exclusive) no inbox of the app holds anything any more.
CREATE TABLE inbox_swept (
  app_id INTEGER PRIMARY KEY,
  before_sequence INTEGER NOT NULL
) STRICT;

-- The packet ids of the last day. A hash may collide; the message has the packet id itself.
CREATE TABLE packet (
  sender_id INTEGER NOT NULL,
  packet_hash INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (sender_id, packet_hash, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE topic (
  topic_id INTEGER PRIMARY KEY,
  app_id INTEGER NOT NULL,
  owner_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  bulletin TEXT NOT NULL,
  extra TEXT NOT NULL,
  version INTEGER NOT NULL
) STRICT;

CREATE INDEX topic_app ON topic (app_id);

CREATE TABLE topic_member (
  joining INTEGER PRIMARY KEY, -- grows: the order of joining, within a topic and over all of a user's topics
  topic_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  UNIQUE (topic_id, user_id)
) STRICT;

CREATE INDEX topic_member_user ON topic_member (user_id);
