-- Files that are attached to messages: their uploads, and contents that are found once for all of them.

-- What is known of bytes in the store. `claimed`: somebody is bringing them, nothing is known. `known`: an upload of them
-- was ready once. `removing`: a sweep has begun to remove them, and nobody may count on them before they are claimed and
-- brought again. No ready upload has those that are `removing`; `is_loose` says that there may be none.
CREATE TABLE contents (
    sha256 text COLLATE "C" PRIMARY KEY,
    state text NOT NULL DEFAULT 'claimed' CHECK (state IN ('claimed', 'known', 'removing')),
    claimed_until timestamptz NOT NULL,
    is_loose boolean NOT NULL DEFAULT true,
    size bigint,
    content_type text NOT NULL DEFAULT '',
    family text NOT NULL DEFAULT 'other',
    width int NOT NULL DEFAULT 0,
    height int NOT NULL DEFAULT 0,
    pages int NOT NULL DEFAULT 0,
    has_thumbnail boolean NOT NULL DEFAULT false,
    has_text boolean NOT NULL DEFAULT false,
    is_inline_safe boolean NOT NULL DEFAULT false,
    CHECK (state <> 'known' OR size IS NOT NULL)
);
CREATE INDEX contents_loose ON contents (claimed_until, sha256) WHERE is_loose;

-- An upload and what became of it. `size` is as said while it is pending, then as counted. `said_sha256` is what the
-- uploader said, `sha256` the content that a ready one has. `message_id` is where it is attached, in the order of
-- `position`. Of a removed one, what it was is forgotten.
CREATE TABLE attachments (
    id text COLLATE "C" PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL,
    uploader_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    said_sha256 text COLLATE "C",
    part_bytes bigint NOT NULL,
    received int[] NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'ready', 'failed', 'removed')),
    reason text NOT NULL DEFAULT '',
    sha256 text COLLATE "C" REFERENCES contents,
    message_id text COLLATE "C",
    message_seq bigint NOT NULL DEFAULT 0,
    position int NOT NULL DEFAULT 0,
    CHECK ((state = 'ready') = (sha256 IS NOT NULL))
);
CREATE INDEX attachments_of_message ON attachments (room_id, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX attachments_ready_of_room ON attachments (room_id, message_seq DESC, position)
    WHERE state = 'ready' AND message_id IS NOT NULL;
CREATE INDEX attachments_of_room ON attachments (room_id) INCLUDE (state, size) WHERE state <> 'removed';
CREATE INDEX attachments_of_uploader ON attachments (uploader_id) INCLUDE (state, size) WHERE state <> 'removed';
CREATE INDEX attachments_pending_of_uploader ON attachments (uploader_id) WHERE state = 'pending';
CREATE INDEX attachments_overdue ON attachments (until, id)
    WHERE state = 'pending' OR (state IN ('failed', 'ready') AND message_id IS NULL);
CREATE INDEX attachments_of_content ON attachments (sha256) WHERE sha256 IS NOT NULL;
