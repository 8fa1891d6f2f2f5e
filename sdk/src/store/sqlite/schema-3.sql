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

-- The version of the last commit that put or removed a value beneath a prefix of one or two parts.
CREATE TABLE change (
    prefix  TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0)
) STRICT, WITHOUT ROWID;

-- The prefixes beneath which a commit left nothing. If `change` has the same version, nothing is there still. Once there
-- are more than a thousand rows, the oldest are removed, and with them the rows of `change` that they tell of.
CREATE TABLE emptied (
    version INTEGER NOT NULL CHECK (version > 0),
    prefix  TEXT    NOT NULL,
    PRIMARY KEY (version, prefix)
) STRICT, WITHOUT ROWID;

-- A process of an earlier build that has the file open goes on after this, and notes no changes: its next commit is
-- refused.
CREATE TRIGGER changes_are_noted BEFORE UPDATE OF version ON store
WHEN NEW.noted <> NEW.version
BEGIN
    SELECT RAISE(ABORT, 'the file was brought to version 3 while this process had it open; start the process again with a build that writes version 3');
END;
