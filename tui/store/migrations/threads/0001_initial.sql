-- A thread is an ordered log of envelopes. The tables thread, run, message, part and tool_call
-- hold the fold of that log up to thread.folded_seq; journal holds every envelope after it. So
-- reading a thread is always: rows, then the journal in order, through the one reducer.
--
-- Columns of type ANY hold text from outside: TEXT, or a BLOB when the text is not valid Unicode
-- (a server may cut a surrogate pair in two). Times "at" are seconds since the epoch, "mono"
-- seconds on a monotonic clock. Columns that end in _json hold JSON, or NULL for nothing.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE thread (
  id TEXT PRIMARY KEY,
  title ANY NOT NULL DEFAULT '',
  profile ANY NOT NULL DEFAULT '',
  created_at REAL NOT NULL DEFAULT 0,
  updated_at REAL NOT NULL DEFAULT 0,
  leaf_id ANY,
  last_seq INTEGER NOT NULL DEFAULT 0,    -- of everything written, journal included
  folded_seq INTEGER NOT NULL DEFAULT 0,  -- of what the rows below show
  read_seq INTEGER NOT NULL DEFAULT 0     -- of what someone has looked at
) STRICT, WITHOUT ROWID;

CREATE INDEX thread_updated ON thread (updated_at);

-- A run's row appears with its start and knows at once when the run ends; its other columns are
-- filled by the fold, so readers of rows skip runs whose seq is above thread.folded_seq.
CREATE TABLE run (
  thread_id TEXT NOT NULL REFERENCES thread (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  owner TEXT NOT NULL,
  state TEXT NOT NULL,
  parent_id ANY NOT NULL,
  tail_id ANY NOT NULL,
  profile ANY NOT NULL DEFAULT '',
  model ANY NOT NULL DEFAULT '',
  status ANY NOT NULL DEFAULT '',
  rounds INTEGER NOT NULL DEFAULT 0,
  started_at REAL NOT NULL DEFAULT 0,
  finished_at REAL,
  started_mono REAL NOT NULL DEFAULT 0,
  first_delta_mono REAL,
  finished_mono REAL,
  outcome TEXT,
  reason ANY NOT NULL DEFAULT '',
  usage_json ANY,
  error_json ANY,
  continuation_json ANY,
  notices_json ANY,
  retry_json ANY,
  PRIMARY KEY (thread_id, id)
) STRICT;

CREATE INDEX run_id ON run (id);
CREATE INDEX run_active ON run (thread_id) WHERE state IN ('running', 'waiting', 'cancelling');

CREATE TABLE message (
  thread_id TEXT NOT NULL REFERENCES thread (id) ON DELETE CASCADE,
  id ANY NOT NULL,
  position INTEGER NOT NULL,  -- order of arrival in the thread
  parent_id ANY,
  role TEXT NOT NULL,
  author ANY NOT NULL,
  run_id TEXT,
  at REAL NOT NULL,
  complete INTEGER,           -- NULL while it is being written
  PRIMARY KEY (thread_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_position ON message (thread_id, position);
CREATE INDEX message_run ON message (thread_id, run_id);

CREATE TABLE part (
  thread_id TEXT NOT NULL,
  id ANY NOT NULL,
  message_id ANY NOT NULL,
  position INTEGER NOT NULL,  -- order in which the parts of the thread began
  idx INTEGER NOT NULL,       -- order in which the parts of the message are shown
  kind TEXT NOT NULL,
  finished INTEGER NOT NULL,
  text ANY NOT NULL,
  annotations_json ANY,
  PRIMARY KEY (thread_id, id),
  FOREIGN KEY (thread_id, message_id) REFERENCES message (thread_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX part_position ON part (thread_id, position);
CREATE INDEX part_message ON part (thread_id, message_id);

CREATE TABLE tool_call (
  thread_id TEXT NOT NULL,
  part_id ANY NOT NULL,
  run_id TEXT NOT NULL,
  call_id ANY NOT NULL,
  name ANY NOT NULL,
  origin TEXT NOT NULL,
  server ANY,
  state TEXT NOT NULL,
  status ANY NOT NULL,
  arguments ANY NOT NULL,
  printed ANY NOT NULL,
  output ANY NOT NULL,
  is_error INTEGER NOT NULL,
  decision_json ANY,
  first_delta_mono REAL,
  arguments_done_mono REAL,
  started_mono REAL,
  finished_mono REAL,
  PRIMARY KEY (thread_id, part_id),
  FOREIGN KEY (thread_id, part_id) REFERENCES part (thread_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX tool_call_run ON tool_call (thread_id, run_id);

-- Adjacent deltas of a part are one row: seq of the last, mono of the first, the latest at.
CREATE TABLE journal (
  thread_id TEXT NOT NULL REFERENCES thread (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  mono REAL NOT NULL,
  run_id TEXT,
  turn INTEGER,
  wire INTEGER,
  type TEXT NOT NULL,
  data_json ANY NOT NULL,
  PRIMARY KEY (thread_id, seq)
) STRICT;

CREATE TABLE wire_event (
  run_id TEXT NOT NULL,
  idx INTEGER NOT NULL,
  at REAL NOT NULL,
  mono REAL NOT NULL,
  name ANY NOT NULL,
  data ANY NOT NULL,
  PRIMARY KEY (run_id, idx)
) STRICT;

CREATE TABLE draft (
  key TEXT PRIMARY KEY,
  text ANY NOT NULL
) STRICT, WITHOUT ROWID;
