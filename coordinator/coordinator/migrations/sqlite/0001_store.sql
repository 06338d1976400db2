-- What is true of the whole store. `generation` counts its openings: a writer that lost its
-- connection knows by it whether another one was here. `next_upload` numbers uploads, so that no
-- number is ever used twice.
CREATE TABLE store_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL,
    next_upload INTEGER NOT NULL
);
INSERT INTO store_state (one, generation, next_upload) VALUES (1, 0, 0);

-- Rounds by their id (64 bits, as a signed number); outcome once it is over.
CREATE TABLE round (
    round INTEGER PRIMARY KEY,
    plan BLOB NOT NULL,
    began_ms INTEGER NOT NULL,
    outcome BLOB
);

-- What happened in a round, in order; rows are never changed.
CREATE TABLE round_event (
    round INTEGER NOT NULL REFERENCES round (round),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    at_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (round, seq)
);

-- Uploads: what was announced, and how much of it is here.
CREATE TABLE upload (
    id INTEGER PRIMARY KEY,
    account BLOB NOT NULL CHECK (length(account) = 20),
    item TEXT NOT NULL,
    len INTEGER NOT NULL CHECK (len >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    stored INTEGER NOT NULL CHECK (stored >= 0 AND stored <= len),
    finished INTEGER NOT NULL CHECK (finished = 0 OR (finished = 1 AND stored = len)),
    UNIQUE (account, item)
);
CREATE INDEX upload_item ON upload (item);

-- Their bytes, in parts that follow each other; start is a part's first byte.
CREATE TABLE upload_part (
    upload INTEGER NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    start INTEGER NOT NULL CHECK (start >= 0),
    body BLOB NOT NULL CHECK (length(body) > 0),
    PRIMARY KEY (upload, start)
);
