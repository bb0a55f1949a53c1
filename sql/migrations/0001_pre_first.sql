-- The first schema: accounts and their secrets, rooms with their log and what follows from it, turns, the audit trail.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- One row for the whole server. The restore mark is a part of the epoch: who restores a backup writes a new one.
CREATE TABLE server_state (
    the_only boolean PRIMARY KEY DEFAULT true CHECK (the_only),
    access_version bigint NOT NULL DEFAULT 1,
    restore_mark text NOT NULL DEFAULT '',
    audit_length bigint NOT NULL DEFAULT 0,
    audit_head bytea NOT NULL DEFAULT ''
);
INSERT INTO server_state DEFAULT VALUES;

CREATE TABLE server_settings (
    name text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE accounts (
    id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('human', 'bot', 'ai')),
    handle text NOT NULL,
    -- Folded by the server, not by lower(): what the two take for the same letter differs.
    folded_handle text NOT NULL UNIQUE,
    display_name text NOT NULL,
    email text,
    issuer text,
    subject text,
    is_operator boolean NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    UNIQUE (issuer, subject)
);

-- Secrets: argon2id hashes of passwords, SHA-256 digests of random ones. Never a secret itself.
CREATE TABLE credentials (
    account_id text COLLATE "C" PRIMARY KEY REFERENCES accounts,
    password_hash text NOT NULL
);

CREATE TABLE access_tokens (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts,
    label text NOT NULL,
    sha256 bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX access_tokens_of_account ON access_tokens (account_id);

CREATE TABLE sign_ins (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts,
    sha256 bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- A one-time link was spent for it: for a while it may set a forgotten password.
    by_link boolean NOT NULL DEFAULT false
);
CREATE INDEX sign_ins_of_account ON sign_ins (account_id);

CREATE TABLE login_links (
    sha256 bytea PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    replaced_at timestamptz
);
CREATE INDEX login_links_of_account ON login_links (account_id);

-- The row's lock is the room's order. Room to spare in each page, as every append makes a new version of the row.
CREATE TABLE rooms (
    id text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    seq bigint NOT NULL,
    audit_length bigint NOT NULL DEFAULT 0,
    audit_head bytea NOT NULL DEFAULT '',
    kind text NOT NULL,
    name text NOT NULL,
    topic text NOT NULL,
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    archived_at timestamptz,
    deleted_at timestamptz,
    direct_key text UNIQUE
) WITH (fillfactor = 50);
CREATE INDEX rooms_by_name ON rooms (name) WHERE deleted_at IS NULL;

CREATE TABLE invites (
    id text COLLATE "C" PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL REFERENCES rooms,
    created_by text COLLATE "C" NOT NULL,
    role text NOT NULL,
    sha256 bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    uses_left bigint CHECK (uses_left >= 0),
    member_until timestamptz,
    revoked_at timestamptz
);
CREATE INDEX invites_of_room ON invites (room_id);

-- The log. `body` is the event's line exactly as it was sent; key and digest stand on a command's first event only.
CREATE TABLE events (
    room_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    key text COLLATE "C",
    digest bytea,
    PRIMARY KEY (room_id, seq)
) PARTITION BY HASH (room_id);
CREATE TABLE events_0 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE events_1 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE events_3 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE events_4 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE events_5 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE events_6 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE events_7 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE UNIQUE INDEX events_key ON events (room_id, actor_id, key) WHERE key IS NOT NULL;

-- Everything below is the log's consequence, written in the transaction of the events it follows from.

CREATE TABLE members (
    room_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    handle text NOT NULL,
    display_name text NOT NULL,
    role text NOT NULL,
    joined_at timestamptz NOT NULL,
    joined_seq bigint NOT NULL,
    until timestamptz,
    PRIMARY KEY (room_id, account_id)
);
CREATE INDEX members_by_account ON members (account_id);

CREATE TABLE bans (
    room_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (room_id, account_id)
);

-- Messages as they stand now. `words` comes from search_words.py: whole words, and pairs of characters of scripts that
-- put no spaces; the trigrams find everything else.
CREATE TABLE messages (
    room_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    author_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    text text NOT NULL,
    reply_to text COLLATE "C",
    thread_root text COLLATE "C",
    turn_id text COLLATE "C",
    mentions text[] NOT NULL,
    mention_groups text[] NOT NULL,
    revision int NOT NULL DEFAULT 1,
    edited_at timestamptz,
    deleted_at timestamptz,
    deleted_by text COLLATE "C",
    reactions jsonb NOT NULL DEFAULT '[]',
    words tsvector NOT NULL,
    PRIMARY KEY (room_id, id),
    UNIQUE (room_id, seq)
);
CREATE INDEX messages_words ON messages USING gin (words);
CREATE INDEX messages_trigrams ON messages USING gin (text gin_trgm_ops);

-- Every state of an edited message's text, with the seq of the event whose line holds it. None for one never edited.
CREATE TABLE revisions (
    room_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    revision int NOT NULL,
    at timestamptz NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (room_id, message_id, seq)
);

CREATE TABLE pins (
    room_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (room_id, seq)
);

-- Follows from no event.
CREATE TABLE read_marks (
    room_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room_id, account_id)
) WITH (fillfactor = 70);

-- `open_state` is the turn as the room sees it, until it has ended. `touched_at` is when it was asked for or claimed,
-- by the database's clock. `text` is the checkpoint of the running words; once ended they are a message.
CREATE TABLE turns (
    id text COLLATE "C" PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL,
    ai_id text COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_seq bigint NOT NULL,
    state text NOT NULL,
    open_state jsonb,
    fence bigint NOT NULL DEFAULT 0,
    pod text,
    lease_until timestamptz,
    touched_at timestamptz NOT NULL DEFAULT now(),
    text text NOT NULL DEFAULT '',
    manifest text,
    ended_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX turns_open_of_room ON turns (room_id) WHERE ended_at IS NULL;
CREATE INDEX turns_open ON turns (touched_at) WHERE ended_at IS NULL;

CREATE TABLE usage (
    turn_id text COLLATE "C" PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL,
    ai_id text COLLATE "C" NOT NULL,
    askers text[] NOT NULL,
    at timestamptz NOT NULL,
    model text NOT NULL,
    tokens_in bigint NOT NULL,
    tokens_cached bigint NOT NULL,
    tokens_out bigint NOT NULL,
    cost_micros bigint,
    is_estimated boolean NOT NULL
);
CREATE INDEX usage_of_room ON usage (room_id, at);

CREATE TABLE summaries (
    room_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    version int NOT NULL,
    text text NOT NULL,
    up_to_seq bigint NOT NULL,
    method text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq)
);

-- One chain per room (its id) and one called `server`. Each hash is over the row and the hash before; the last hash and
-- the length stand in `rooms` or `server_state`.
CREATE TABLE audit (
    chain text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    actor_id text,
    origin text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE FUNCTION refuse_to_rewrite_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_audit();
CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_audit();
