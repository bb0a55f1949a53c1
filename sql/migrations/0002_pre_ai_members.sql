-- AI members in depth: what a room's rules remember, answers with cards, forms and alternatives, summaries point by
-- point, turns that can be looked up when they have ended, pieces of prompts, digests, webhooks.

-- The `RoomNotes` document (facts, budget, what fired when). Apart from `rooms`, whose rows each append rewrites.
-- A room without a row has empty notes.
CREATE TABLE room_notes (
    room_id text COLLATE "C" PRIMARY KEY,
    body jsonb NOT NULL
) WITH (fillfactor = 70);

-- `more` holds cards, form, taint, asked_by, answers, alternatives and chosen; null where all have their defaults.
-- `found_by` is what a search reads in place of `text`: the text, and the cards' titles and texts. Null without cards.
ALTER TABLE messages ADD COLUMN more jsonb, ADD COLUMN found_by text;
CREATE INDEX messages_found_by ON messages USING gin (found_by gin_trgm_ops) WHERE found_by IS NOT NULL;
-- A thread's newest message, and the AIs that spoke in it.
CREATE INDEX messages_of_thread ON messages (room_id, thread_root, seq) WHERE thread_root IS NOT NULL;
CREATE INDEX messages_of_thread_by_ai ON messages (room_id, thread_root, author_id)
    WHERE thread_root IS NOT NULL AND turn_id IS NOT NULL;

-- Lines of the log that hold words of a message and are no state of its text: answers to its form, and what was asked
-- because of it. When the message is deleted they are redacted, too.
CREATE TABLE further_lines (
    room_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room_id, message_id, seq)
);

-- In which line of the log a fact's words stand, until it is forgotten.
CREATE TABLE facts (
    room_id text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room_id, fact_id)
);

-- A version from before this migration has no points, and all its words in `text`; a newer one has an empty `text`.
ALTER TABLE summaries
    ADD COLUMN points jsonb,
    ADD COLUMN taint jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN edited_by text COLLATE "C",
    ADD COLUMN brief text;

-- `last_state` is the turn as the room saw it at its end. `cards` belong to `text`: the checkpoint of a running answer.
ALTER TABLE turns
    ADD COLUMN rule_id text,
    ADD COLUMN last_state jsonb,
    ADD COLUMN ended_seq bigint,
    ADD COLUMN end_reason text NOT NULL DEFAULT '',
    ADD COLUMN message_id text COLLATE "C",
    ADD COLUMN model text,
    ADD COLUMN cards jsonb;
CREATE INDEX turns_of_room ON turns (room_id, requested_seq);
CREATE INDEX turns_with_note ON turns (room_id) WHERE last_state ->> 'note' <> '';

ALTER TABLE usage ADD COLUMN price_version text, ADD COLUMN calls int NOT NULL DEFAULT 1;

-- Pieces of prompts by the SHA-256 of their content, in hex.
CREATE TABLE prompt_parts (
    room_id text COLLATE "C" NOT NULL,
    sha256 text COLLATE "C" NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (room_id, sha256)
);

-- What was said in a range of a room's log, in short. Only a cache.
CREATE TABLE digests (
    room_id text COLLATE "C" NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (room_id, from_seq, to_seq)
);

-- Addresses at which a POST fires a room's rule; only the digest of what makes them secret.
CREATE TABLE hooks (
    id text COLLATE "C" PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL REFERENCES rooms,
    rule_id text NOT NULL,
    sha256 bytea NOT NULL UNIQUE,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX hooks_of_room ON hooks (room_id);

-- Rooms with a schedule: few of many. The queries repeat this condition word for word.
CREATE INDEX rooms_scheduled ON rooms (id)
    WHERE deleted_at IS NULL AND archived_at IS NULL
        AND settings @? '$.triggers[*] ? (@.type == "schedule" && !(@.is_on == false))';
