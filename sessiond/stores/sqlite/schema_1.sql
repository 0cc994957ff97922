-- Version 1 of the schema; files of later numbers change it. PRAGMA user_version says which version a file has.
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

-- All that stands beside a record, in one tree with a user's rows side by side: a commit that appends a frame,
-- remembers an id and sets a timer changes one page here. In tables of their own it changed three, and pages are
-- what a commit costs: measured with 10 000 users in batches of 64, 5.1 -> 3.4 pages, 90 -> 68 microseconds CPU.
--
-- kind                key      at            also                           data
-- f  frame            offset   made                                         message
-- i  input id         digest   consumed (1)  kept until (2)                 reply
-- t  timer            name     due (3)       generation                     payload
-- d  delivery         id       due                                          body
-- j  journal entry    from 1                                                entry  (4)
--
-- (1) NULL: not in the loaded window.  (2) NULL: never accepted into the inbox.  (3) NULL: undated.
-- (4) Since version 2 new ones are in `journal`.
CREATE TABLE beside (
    user      TEXT NOT NULL,
    kind      TEXT NOT NULL,
    key       ANY NOT NULL,
    at        REAL,
    also      ANY,
    partition INTEGER,                -- of timers and deliveries
    data      BLOB,
    PRIMARY KEY (user, kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX beside_due ON beside (partition, kind, at) WHERE partition IS NOT NULL;

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
    fence      INTEGER NOT NULL,      -- the number of the reign that was counted last: each counts once
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
