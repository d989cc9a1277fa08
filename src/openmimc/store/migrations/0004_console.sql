-- What the console needs: operators, whose tokens became void, how much was said.

CREATE TABLE operator (
  name TEXT PRIMARY KEY,
  password_hash TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_session (
  token_hash BLOB PRIMARY KEY,
  operator TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Read by every process that has connections to end. No number is given twice, even if its row is gone.
CREATE TABLE revocation (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE message_count (
  app_id INTEGER NOT NULL,
  hour INTEGER NOT NULL, -- since the epoch
  kind INTEGER NOT NULL, -- as in message
  messages INTEGER NOT NULL,
  PRIMARY KEY (app_id, hour, kind)
) STRICT, WITHOUT ROWID;

-- 36,000,000,000 sequences to the hour.
INSERT INTO message_count (app_id, hour, kind, messages)
  SELECT app_id, sequence / 36000000000, kind, count(*) FROM message GROUP BY 1, 2, 3;
