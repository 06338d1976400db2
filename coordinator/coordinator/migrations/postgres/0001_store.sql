-- What is true of the whole store. `generation` counts its openings: a writer that lost its
-- connection knows by it whether another one was here. `next_upload` numbers uploads, so that no
-- number is ever used twice.
CREATE TABLE store_state (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    generation BIGINT NOT NULL,
    next_upload BIGINT NOT NULL
);
INSERT INTO store_state (one, generation, next_upload) VALUES (1, 0, 0);

-- Rounds by their id (64 bits, as a signed number); outcome once it is over.
CREATE TABLE round (
    round BIGINT PRIMARY KEY,
    plan BYTEA NOT NULL,
    began_ms BIGINT NOT NULL,
    outcome BYTEA
);

-- What happened in a round, in order; rows are never changed.
CREATE TABLE round_event (
    round BIGINT NOT NULL REFERENCES round (round),
    seq BIGINT NOT NULL CHECK (seq >= 0),
    at_ms BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (round, seq)
);

-- Uploads: what was announced, and how much of it is here.
CREATE TABLE upload (
    id BIGINT PRIMARY KEY,
    account BYTEA NOT NULL CHECK (length(account) = 20),
    item TEXT NOT NULL,
    len BIGINT NOT NULL CHECK (len >= 0),
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    stored BIGINT NOT NULL CHECK (stored >= 0 AND stored <= len),
    finished BIGINT NOT NULL CHECK (finished = 0 OR (finished = 1 AND stored = len)),
    UNIQUE (account, item)
);
CREATE INDEX upload_item ON upload (item);

-- Their bytes, in parts that follow each other; start is a part's first byte.
CREATE TABLE upload_part (
    upload BIGINT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    start BIGINT NOT NULL CHECK (start >= 0),
    body BYTEA NOT NULL CHECK (length(body) > 0),
    PRIMARY KEY (upload, start)
);
-- Parts look random: to compress them is wasted work.
ALTER TABLE upload_part ALTER COLUMN body SET STORAGE EXTERNAL;
