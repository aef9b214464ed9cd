-- What is left of a run's raw events once they were removed: how many, and how many bytes.
ALTER TABLE run ADD COLUMN wire_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN wire_bytes INTEGER NOT NULL DEFAULT 0;
