-- The server's objects as JSON documents. "position" is the order of creation; "parent" is the
-- thread of a message or run, the run of a step, and empty for assistants and threads.

CREATE TABLE object (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT NOT NULL,
  body_json TEXT NOT NULL,
  UNIQUE (kind, id)
) STRICT;

CREATE INDEX object_parent ON object (kind, parent, position);
