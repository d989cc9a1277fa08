-- Unlimited groups, and the numbers of messages in their conversations.

CREATE TABLE unlimited_group (
  group_id INTEGER PRIMARY KEY,
  app_id INTEGER NOT NULL,
  owner_id INTEGER NOT NULL, -- need not be a member
  name TEXT NOT NULL,
  extra TEXT NOT NULL,
  member_count INTEGER NOT NULL
) STRICT;

CREATE INDEX unlimited_group_app ON unlimited_group (app_id);
CREATE INDEX unlimited_group_owner ON unlimited_group (owner_id);

-- Rows of a group that was dismissed are of no meaning: they are removed later, a few at a time.
CREATE TABLE group_member (
  group_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  joined_sequence INTEGER NOT NULL, -- messages behind it are for the member; also the order of joining
  PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_member_user ON group_member (user_id, joined_sequence);

-- Outlives leaving the group: coming back does not lift it.
CREATE TABLE group_mute (
  group_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  until_s INTEGER NOT NULL,
  PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_mute_user ON group_mute (user_id);

-- Members alone have cursors.
CREATE TABLE group_cursor (
  user_id INTEGER NOT NULL,
  resource TEXT NOT NULL,
  group_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (user_id, resource, group_id)
) STRICT, WITHOUT ROWID;

-- Groups that are no more, but whose members, mutes and cursors may still lie about.
CREATE TABLE dismissed_group (
  group_id INTEGER PRIMARY KEY
) STRICT;

-- The log of an unlimited group (kind 8). History walks along is_store = 1; members who were away are given both
-- kinds, merged. A value of 0 or 1 takes no room in an index.
CREATE INDEX message_group ON message (target_id, is_store) WHERE kind = 8;

-- One row per conversation in which somebody has ever asked for numbers.
CREATE TABLE conversation_count (
  first_id INTEGER NOT NULL, -- the smaller id of two users; 0 for a topic
  second_id INTEGER NOT NULL, -- the greater id of two users; or the topic
  last_index INTEGER NOT NULL,
  PRIMARY KEY (first_id, second_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX conversation_count_second ON conversation_count (second_id);

ALTER TABLE message ADD COLUMN conv_index INTEGER; -- number in the conversation; NULL for a message without
