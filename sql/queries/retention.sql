-- What is due by the rooms' rules for how long they keep what is said.

-- name: database_clock
-- Tell the time by the database's clock.
SELECT clock_timestamp() AS now

-- name: rooms_with_due
-- Find rooms in which something is due that is not pinned, or whose rule keeps no pins. A day is 24 hours, whatever the session's time zone does.
WITH ruled AS (
    SELECT r.id, $1::timestamptz - make_interval(hours => 24 * least((r.settings #>> '{retention,messages_days}')::int, $2::int))
               AS messages_before,
           $1::timestamptz - make_interval(hours => 24 * (r.settings #>> '{retention,files_days}')::int) AS files_before,
           coalesce((r.settings #>> '{retention,keeps_pinned}')::boolean, true) AS keeps_pinned
    FROM rooms r
    WHERE r.deleted_at IS NULL AND ($2::int IS NOT NULL OR r.settings ? 'retention')
)
SELECT w.id FROM ruled w
WHERE EXISTS (
        SELECT FROM messages m WHERE m.room_id = w.id AND m.deleted_at IS NULL AND m.at <= w.messages_before
            AND (NOT w.keeps_pinned OR m.id NOT IN (SELECT p.message_id FROM pins p WHERE p.room_id = w.id)))
    OR w.files_before IS NOT NULL AND EXISTS (
        SELECT FROM attachments a JOIN messages m ON m.room_id = a.room_id AND m.id = a.message_id
        WHERE a.room_id = w.id AND a.state <> 'removed' AND m.deleted_at IS NULL AND m.at <= w.files_before
            AND (NOT w.keeps_pinned OR m.id NOT IN (SELECT p.message_id FROM pins p WHERE p.room_id = w.id)))
ORDER BY w.id

-- name: due_messages
-- Read the oldest messages that are due, with what files they have.
SELECT m.id, f.files, f.size
FROM (
    SELECT id, room_id, at, seq FROM messages
    WHERE room_id = $1 AND deleted_at IS NULL AND at <= $2 AND id <> ALL($3::text[])
    ORDER BY at, seq LIMIT $4
) m, LATERAL (
    SELECT count(*)::int AS files, coalesce(sum(a.size) FILTER (WHERE a.state = 'ready'), 0)::bigint AS size
    FROM attachments a WHERE a.room_id = m.room_id AND a.message_id = m.id AND a.state <> 'removed'
) f
ORDER BY m.at, m.seq

-- name: due_files
-- Read the oldest messages whose files are due.
SELECT m.id, f.files, f.size
FROM (
    SELECT a.message_id, count(*)::int AS files,
           coalesce(sum(a.size) FILTER (WHERE a.state = 'ready'), 0)::bigint AS size
    FROM attachments a
    WHERE a.room_id = $1 AND a.message_id IS NOT NULL AND a.state <> 'removed' AND a.message_id <> ALL($3::text[])
    GROUP BY a.message_id
) f JOIN messages m ON m.room_id = $1 AND m.id = f.message_id
WHERE m.deleted_at IS NULL AND m.at <= $2
ORDER BY m.at, m.seq LIMIT $4

-- name: sum_due
-- Add up what is due: messages by one time, files by the later of both.
WITH due AS (
    SELECT m.id, m.at, coalesce(m.at <= $2, false) AS goes FROM messages m
    WHERE m.room_id = $1 AND m.deleted_at IS NULL AND m.at <= greatest($2::timestamptz, $3::timestamptz)
        AND m.id <> ALL($4::text[])
), held AS (
    SELECT a.message_id, count(*) AS files, coalesce(sum(a.size) FILTER (WHERE a.state = 'ready'), 0) AS size
    FROM attachments a WHERE a.room_id = $1 AND a.message_id IS NOT NULL AND a.state <> 'removed'
    GROUP BY a.message_id
)
SELECT (count(*) FILTER (WHERE d.goes))::int AS messages, coalesce(sum(h.files), 0)::int AS files,
       coalesce(sum(h.size), 0)::bigint AS size, min(d.at) AS oldest, max(d.at) AS newest
FROM due d LEFT JOIN held h ON h.message_id = d.id
WHERE d.goes OR h.files > 0

-- name: put_forgotten
-- Keep what was removed last. Of two looks at once, the later one's stays.
INSERT INTO forgotten (room_id, at, messages, files, size) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (room_id) DO UPDATE SET
    at = excluded.at, messages = excluded.messages, files = excluded.files, size = excluded.size

-- name: forgotten
-- Read what was removed last.
SELECT at, messages, files, size FROM forgotten WHERE room_id = $1
