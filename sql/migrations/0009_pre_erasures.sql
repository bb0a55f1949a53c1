-- Erasures of persons: what was asked for and how far it is, so that any pod can carry it on.

-- Nothing of the person stands here but the account's id. `handle` is the one as which it goes on.
CREATE TABLE erasures (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL UNIQUE REFERENCES accounts,
    handle text NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_by text COLLATE "C",
    started_at timestamptz,
    done_at timestamptz,
    messages int NOT NULL,
    messages_done int NOT NULL DEFAULT 0,
    files_waiting int NOT NULL DEFAULT 0,
    problem text NOT NULL DEFAULT '',
    pod text,
    lease_until timestamptz
);
CREATE INDEX erasures_open ON erasures (requested_at) WHERE done_at IS NULL;

CREATE TABLE erasure_rooms (
    erasure_id text COLLATE "C" NOT NULL REFERENCES erasures,
    room_id text COLLATE "C" NOT NULL,
    is_done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (erasure_id, room_id)
);

-- The contents of the person's files, until nothing is known of them any more, or somebody else has them.
CREATE TABLE erasure_contents (
    erasure_id text COLLATE "C" NOT NULL REFERENCES erasures,
    sha256 text COLLATE "C" NOT NULL,
    PRIMARY KEY (erasure_id, sha256)
);
