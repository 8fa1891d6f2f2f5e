-- Version 3: what has changed beneath a prefix, so that a process sees what another one put or removed without
-- reading it all.

-- `changed` is the version of the last commit that put or removed a value, and `forgotten` that of the last change
-- beneath a prefix that has no row in `change`. Earlier builds noted neither: all that they wrote counts as changed at
-- the version that the store has now.
-- `noted` is the version up to which changes are noted, which is that of the store.
ALTER TABLE store ADD COLUMN changed   INTEGER NOT NULL DEFAULT 0 CHECK (changed >= 0);
ALTER TABLE store ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0 CHECK (forgotten >= 0);
ALTER TABLE store ADD COLUMN noted     INTEGER NOT NULL DEFAULT 0 CHECK (noted >= 0);
UPDATE store SET changed = version, forgotten = version, noted = version;

-- The version of the last commit that put or removed a value beneath a prefix of one or two parts. Rows of prefixes
-- beneath which nothing is left are removed, the oldest first, once there are more than a thousand.
CREATE TABLE change (
    prefix   TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL CHECK (version > 0),
    is_empty INTEGER NOT NULL CHECK (is_empty IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX change_empty ON change (version) WHERE is_empty = 1;

-- A process of an earlier build that has the file open goes on after this, and notes no changes: its next commit is
-- refused.
CREATE TRIGGER changes_are_noted BEFORE UPDATE OF version ON store
WHEN NEW.noted <> NEW.version
BEGIN
    SELECT RAISE(ABORT, 'the file was brought to version 3 while this process had it open; start the process again with a build that writes version 3');
END;
