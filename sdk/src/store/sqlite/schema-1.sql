-- Version 1: what the store keeps, and views to read it with.
-- Values and bodies are canonical JSON on one line. Keys and names of logs are parts with `/`
-- between them; a `/`, `%` or control character inside a part is written as %XX.

-- The version of the last commit. It only ever grows.
CREATE TABLE store (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL CHECK (version >= 0)
) STRICT;
INSERT INTO store (one, version) VALUES (1, 0);

CREATE TABLE value (
    key     TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    value   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- A counter of 0 is not kept. One of 2^63 or more is text, since an integer ends there.
CREATE TABLE counter (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY  NOT NULL CHECK (typeof(value) IN ('integer', 'text'))
) STRICT, WITHOUT ROWID;

-- `link` is SHA-256 over the link before it, the number and the body.
CREATE TABLE entry (
    log  TEXT    NOT NULL,
    seq  INTEGER NOT NULL CHECK (seq > 0),
    link BLOB    NOT NULL CHECK (length(link) = 32),
    body TEXT    NOT NULL,
    PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;

-- What happened, an entry a line. The columns that an entry of a kind does not have are null.
CREATE VIEW audit AS
SELECT seq,
       body ->> '$.time'            AS time,
       body ->> '$.body.kind'       AS kind,
       body ->> '$.body.agent'      AS agent,
       body ->> '$.body.capability' AS capability,
       body ->  '$.body.arguments'  AS arguments,
       body ->> '$.body.verdict'    AS verdict,
       body ->> '$.body.refusal'    AS refusal,
       body ->> '$.body.hop'        AS hop,
       body ->> '$.body.detail'     AS detail,
       body ->> '$.body.error'      AS error,
       body ->> '$.body.how'        AS how,
       body ->> '$.body.task'       AS task,
       body ->> '$.body.call'       AS call,
       body ->> '$.body.token'      AS token,
       body ->> '$.body.lineage'    AS lineage,
       body ->> '$.body.parent'     AS parent,
       body ->> '$.body.holder'     AS holder,
       body ->> '$.body.expires'    AS expires,
       lower(hex(link))             AS link
FROM entry
WHERE log = 'audit';

-- How far each log goes.
CREATE VIEW logs AS
SELECT log, seq AS entries, lower(hex(link)) AS link
FROM entry AS last
WHERE seq = (SELECT max(seq) FROM entry WHERE log = last.log);

-- What was used of each budget: the key is budget/KIND/ID.
CREATE VIEW budgets AS
SELECT substr(rest, 1, instr(rest, '/') - 1) AS kind,
       replace(replace(substr(rest, instr(rest, '/') + 1), '%2F', '/'), '%25', '%') AS id,
       value AS used
FROM (SELECT substr(key, length('budget/') + 1) AS rest, value
      FROM counter
      WHERE key > 'budget/' AND key < 'budget0');

-- Calls that cannot be made again: the key is replay/TOKEN/NONCE.
CREATE VIEW spent_calls AS
SELECT substr(rest, 1, instr(rest, '/') - 1) AS token,
       substr(rest, instr(rest, '/') + 1)    AS nonce,
       value ->> '$'                         AS until
FROM (SELECT substr(key, length('replay/') + 1) AS rest, value
      FROM value
      WHERE key > 'replay/' AND key < 'replay0');

-- What is revoked: the key is revoked/KIND/WHAT.
CREATE VIEW revocations AS
SELECT substr(rest, 1, instr(rest, '/') - 1) AS kind,
       replace(replace(substr(rest, instr(rest, '/') + 1), '%2F', '/'), '%25', '%') AS what,
       value ->> '$.since' AS since,
       value ->> '$.until' AS until
FROM (SELECT substr(key, length('revoked/') + 1) AS rest, value
      FROM value
      WHERE key > 'revoked/' AND key < 'revoked0');

-- The highest time seen, which is what now means.
CREATE VIEW clock AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', value / 1000.0, 'unixepoch') AS highest
FROM counter
WHERE key = 'clock/highest';
