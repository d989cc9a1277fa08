-- What an app's own server and its users see beside the messages: blacklists, recent contacts, callbacks.

CREATE TABLE block (
  user_id INTEGER NOT NULL,
  blocked_id INTEGER NOT NULL, -- cannot write to user_id
  PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX block_blocked ON block (blocked_id);

-- Who has a conversation with whom, one row for either side. Written once per pair of users, not per message:
-- the last message is found by message_conversation.
CREATE TABLE contact (
  user_id INTEGER NOT NULL,
  peer_id INTEGER NOT NULL,
  hidden_sequence INTEGER NOT NULL DEFAULT 0, -- messages up to this one do not show the contact
  checked_sequence INTEGER NOT NULL, -- retention need not look at the row before messages of this age go
  PRIMARY KEY (user_id, peer_id)
) STRICT, WITHOUT ROWID;

INSERT INTO contact (user_id, peer_id, checked_sequence)
  SELECT min(sender_id, target_id), max(sender_id, target_id), max(sequence) FROM message
  WHERE kind = 1 AND is_store = 1
  GROUP BY min(sender_id, target_id), max(sender_id, target_id);
INSERT INTO contact (user_id, peer_id, checked_sequence)
  SELECT peer_id, user_id, checked_sequence FROM contact WHERE user_id < peer_id;

ALTER TABLE topic_member ADD COLUMN hidden_sequence INTEGER NOT NULL DEFAULT 0; -- as in contact

-- The outbox of callbacks. A row is written in the transaction of its message and leaves when it is delivered.
CREATE TABLE callback (
  event_id INTEGER PRIMARY KEY, -- sequence of the message * 10 + what is told: 1 instant, 2 offline
  app_id INTEGER NOT NULL,
  state INTEGER NOT NULL, -- 0 waiting, 1 dead
  attempts INTEGER NOT NULL,
  due_ms INTEGER NOT NULL, -- waiting: not before; dead: since
  last_error TEXT NOT NULL,
  to_accounts TEXT NOT NULL -- JSON array of names
) STRICT;

CREATE INDEX callback_due ON callback (app_id, due_ms) WHERE state = 0;
CREATE INDEX callback_state ON callback (app_id, state);
CREATE INDEX callback_died ON callback (due_ms) WHERE state = 1;

-- How many callbacks there are: asked for with every message that causes one. Kept by the triggers alone.
CREATE TABLE callback_count (
  app_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (app_id, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER callback_comes AFTER INSERT ON callback BEGIN
  INSERT INTO callback_count (app_id, state, number) VALUES (new.app_id, new.state, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER callback_turns AFTER UPDATE OF state ON callback WHEN new.state <> old.state BEGIN
  UPDATE callback_count SET number = number - 1 WHERE app_id = old.app_id AND state = old.state;
  INSERT INTO callback_count (app_id, state, number) VALUES (new.app_id, new.state, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER callback_goes AFTER DELETE ON callback BEGIN
  UPDATE callback_count SET number = number - 1 WHERE app_id = old.app_id AND state = old.state;
END;
