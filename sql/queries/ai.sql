-- What AI members need beside the log: summaries, pieces of prompts, digests, webhooks, schedules, threads.

-- name: summaries
-- Read every version of a room's summary, newest first.
SELECT s.at, json_build_object(
        'version', s.version, 'up_to_seq', s.up_to_seq, 'method', s.method, 'points', s.points, 'text', s.text,
        'taint', s.taint, 'edited_by', s.edited_by, 'brief', s.brief)::text AS summary
FROM summaries s JOIN rooms r ON r.id = s.room_id AND r.deleted_at IS NULL
WHERE s.room_id = $1 ORDER BY s.seq DESC

-- name: put_part
-- Keep a piece of a prompt. The room's row is held, so that a deletion does not miss what is written at this moment.
WITH room AS (SELECT id FROM rooms WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE)
INSERT INTO prompt_parts (room_id, sha256, body) SELECT id, $2, $3 FROM room ON CONFLICT DO NOTHING

-- name: parts
-- Read pieces of prompts.
SELECT sha256, body FROM prompt_parts WHERE room_id = $1 AND sha256 = ANY($2::text[])

-- name: hold_room
-- Keep a room's row from being locked by an append until the transaction ends; nothing if the room is deleted.
SELECT id FROM rooms WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE

-- name: put_digest
-- Keep a digest, unless something was taken back after `seen_seq`.
INSERT INTO digests AS d (room_id, from_seq, to_seq, body)
SELECT $1, $2, $3, $4
WHERE NOT EXISTS (
    SELECT FROM events e
    WHERE e.room_id = $1 AND e.seq > $5 AND e.type IN ('message_deleted', 'fact_forgotten'))
ON CONFLICT (room_id, from_seq, to_seq) DO UPDATE SET body = excluded.body
RETURNING d.from_seq

-- name: digests
-- Read the digests of ranges that lie wholly inside of one.
SELECT from_seq, to_seq, body FROM digests
WHERE room_id = $1 AND from_seq >= $2 AND to_seq <= $3 ORDER BY from_seq, to_seq

-- name: add_hook
-- Keep a new hook.
INSERT INTO hooks (id, room_id, rule_id, sha256, created_by, created_at, revoked_at, rule_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: find_hook
-- Find a hook that counts by its digest.
SELECT h.id, h.room_id, h.rule_id, h.created_by, h.created_at, h.revoked_at, h.rule_key
FROM hooks h JOIN rooms r ON r.id = h.room_id AND r.deleted_at IS NULL
WHERE h.sha256 = $1 AND h.revoked_at IS NULL

-- name: hooks
-- List a room's hooks.
SELECT id, room_id, rule_id, created_by, created_at, revoked_at, rule_key
FROM hooks WHERE room_id = $1 ORDER BY created_at, id

-- name: revoke_hook
-- End a hook.
UPDATE hooks SET revoked_at = $3 WHERE room_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id

-- name: scheduled_rooms
-- Read the rooms that have a schedule, by an index whose condition is this one.
SELECT id, settings::text AS settings FROM rooms
WHERE deleted_at IS NULL AND archived_at IS NULL
    AND settings @? '$.triggers[*] ? (@.type == "schedule" && !(@.is_on == false))'
ORDER BY id

-- name: thread_facts
-- Of threads by their first messages: which AIs have spoken there, and when anyone last did.
SELECT root.id,
    ARRAY(
        SELECT m.author_id FROM messages m
        WHERE m.room_id = $1 AND m.thread_root = root.id AND m.turn_id IS NOT NULL GROUP BY m.author_id
    ) || CASE WHEN root.turn_id IS NULL THEN '{}' ELSE ARRAY[root.author_id] END AS ai_ids,
    coalesce((
        SELECT m.at FROM messages m WHERE m.room_id = $1 AND m.thread_root = root.id ORDER BY m.seq DESC LIMIT 1
    ), root.at) AS last_at
FROM messages root WHERE root.room_id = $1 AND root.id = ANY($2::text[])

-- name: room_of_message
-- Find the room of a message: one look at the index of messages for each room.
SELECT r.id FROM rooms r
CROSS JOIN LATERAL (SELECT FROM messages m WHERE m.room_id = r.id AND m.id = $1 LIMIT 1) m
WHERE r.deleted_at IS NULL LIMIT 1
