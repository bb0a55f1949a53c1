-- Rooms that forget: what is due is found by its age, and what was removed last is kept for people to see.

CREATE INDEX messages_by_age ON messages (room_id, at) WHERE deleted_at IS NULL;

CREATE TABLE forgotten (
    room_id text COLLATE "C" PRIMARY KEY,
    at timestamptz NOT NULL,
    messages int NOT NULL,
    files int NOT NULL,
    size bigint NOT NULL
);
