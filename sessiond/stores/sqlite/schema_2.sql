-- Version 2: the journal has a table of its own, with a row for each commit that told something.
--
-- Five entries of 240 bytes are 1.2 KB: a row of `beside` that is longer than 1000 bytes goes on in a page of its own, and
-- as five rows they made a tree of fat keys. A transaction that writes a record and five entries changed 7.2 pages and
-- took 105 microseconds CPU without the disk's; with this table 3.2 and 55 (measured; in batches of 64: 70 and 27).
--
-- What was written before stays in `beside` until it is trimmed: those entries are older than all of this table.
CREATE TABLE journal (
    id      INTEGER PRIMARY KEY,      -- a row whose entries are all trimmed is written anew: the table does not grow
    user    TEXT NOT NULL,
    last    INTEGER NOT NULL,         -- the number of the row's last entry (users.journaled then)
    floor   INTEGER NOT NULL,         -- entries up to this number are trimmed, in whichever row they still are
    entries BLOB NOT NULL,            -- MessagePack: an array of byte strings, oldest first
    UNIQUE (user, last)
) STRICT;
