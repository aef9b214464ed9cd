-- Several processes: who may write a thread, what others ask of it, and a trail to follow it by.

-- The holder alone writes the thread. A lease is worth as long as its owner's lock file is held;
-- the thread may not exist yet.
CREATE TABLE lease (
  thread_id TEXT PRIMARY KEY,
  owner TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX lease_owner ON lease (owner);

-- Requests to the holder, in the order of their ids. One that queues a message stays until that
-- message is in the log; the others go when they are taken.
CREATE TABLE request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  thread_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  run_id TEXT NOT NULL,
  message_id ANY,
  data_json ANY NOT NULL,
  at REAL NOT NULL
) STRICT;

CREATE INDEX request_thread ON request (thread_id);

-- Folded envelopes stay in the journal for a while, so that other processes can follow: those up
-- to cleared_seq are gone, those up to trail_seq were folded before trail_at (seconds since the
-- epoch; NULL when none are left).
ALTER TABLE thread ADD COLUMN queue_json ANY;
ALTER TABLE thread ADD COLUMN cleared_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE thread ADD COLUMN trail_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE thread ADD COLUMN trail_at REAL;
UPDATE thread SET cleared_seq = folded_seq;

CREATE INDEX thread_trail ON thread (trail_at) WHERE trail_at IS NOT NULL;

-- "now" and "driver" are true as of the whole log: active, unsettled (interrupted, to be settled
-- at the next start), interrupted or finished; and the process that drives it. All other columns
-- of a run are true as of thread.folded_seq.
ALTER TABLE run ADD COLUMN settle INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN now TEXT NOT NULL DEFAULT 'finished';
ALTER TABLE run ADD COLUMN driver TEXT NOT NULL DEFAULT '';
UPDATE run SET driver = owner, now = CASE
  WHEN state IN ('running', 'waiting', 'cancelling') THEN 'active'
  WHEN state = 'interrupted' THEN 'interrupted'
  ELSE 'finished' END;

DROP INDEX run_active;
CREATE INDEX run_active ON run (thread_id) WHERE now = 'active';
CREATE INDEX run_unsettled ON run (thread_id) WHERE now = 'unsettled';
CREATE INDEX run_seq ON run (thread_id, seq);
