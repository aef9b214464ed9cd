-- A thread may want another model than its profile's; a run may not have been shown all of it.
ALTER TABLE thread ADD COLUMN model ANY NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN seen_from ANY NOT NULL DEFAULT '';
