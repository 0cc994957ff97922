-- The schema of version 1. PRAGMA user_version says which version a file has.
--
-- Rows of text keys and a few bytes are WITHOUT ROWID: one tree each instead of a table and an index.
-- `users` and the inbox keep their rowid: their blobs would sit in the inner pages of such a tree.

CREATE TABLE fences (
    partition INTEGER PRIMARY KEY,
    number    INTEGER NOT NULL,
    nonce     TEXT NOT NULL,          -- '' after a release
    node      TEXT NOT NULL
) STRICT;

-- What a commit checks comes first, what it replaces last: checking reads no overflow page.
CREATE TABLE users (
    id        INTEGER PRIMARY KEY,
    user      TEXT NOT NULL UNIQUE,
    version   INTEGER NOT NULL,
    commit_id BLOB NOT NULL,
    journaled INTEGER NOT NULL,       -- entries ever appended to the journal
    epoch     TEXT NOT NULL,
    head      INTEGER NOT NULL,
    floor     INTEGER NOT NULL,
    lost      INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    snapshot  BLOB,
    previous  BLOB
) STRICT;

CREATE TABLE frames (
    user    TEXT NOT NULL,
    offset  INTEGER NOT NULL,
    at      REAL NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (user, offset)
) STRICT, WITHOUT ROWID;

CREATE TABLE ids (
    user       TEXT NOT NULL,
    digest     BLOB NOT NULL,
    at         REAL,                  -- when it was consumed; NULL: not in the loaded window
    keep_until REAL,                  -- NULL: was never accepted into the inbox
    reply      BLOB,
    PRIMARY KEY (user, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
    user       TEXT NOT NULL,
    name       TEXT NOT NULL,
    partition  INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    due        REAL,                  -- NULL: undated
    payload    BLOB NOT NULL,
    PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_due ON timers (partition, due);

CREATE TABLE deliveries (
    user      TEXT NOT NULL,
    id        TEXT NOT NULL,
    partition INTEGER NOT NULL,
    due       REAL NOT NULL,
    body      BLOB NOT NULL,
    PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (partition, due);

CREATE TABLE journal (
    user  TEXT NOT NULL,
    n     INTEGER NOT NULL,           -- counts from 1 per user
    entry BLOB NOT NULL,
    PRIMARY KEY (user, n)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a seq is never given out again, also when the newest entry was consumed.
CREATE TABLE inbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    partition INTEGER NOT NULL,
    user      TEXT NOT NULL,
    digest    BLOB NOT NULL,
    kind      TEXT NOT NULL,
    at        REAL NOT NULL,
    body      BLOB NOT NULL
) STRICT;

CREATE INDEX inbox_partition ON inbox (partition);
CREATE INDEX inbox_user ON inbox (user);

CREATE TABLE attempts (
    partition  INTEGER NOT NULL,
    slot       TEXT NOT NULL,
    generation INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (partition, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    id       TEXT PRIMARY KEY,
    user     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    body     BLOB NOT NULL,
    error    TEXT NOT NULL,
    at       REAL NOT NULL,
    attempts INTEGER NOT NULL
) STRICT;

CREATE INDEX dead_letters_user ON dead_letters (user, id);
