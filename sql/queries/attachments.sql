-- Uploads and contents. Whoever locks rows of both locks those of `attachments` first, then those of `contents` in the
-- order of their checksums. So nobody waits in a ring.

-- name: lock_quotas
-- Let one upload after the other of an account, and of a room, look at what is used.
SELECT pg_advisory_xact_lock(hashtext('files of account'), hashtext($1)),
    pg_advisory_xact_lock(hashtext('files of room'), hashtext($2))

-- name: begin_upload
-- Write a pending upload unless it passes a quota, under `lock_quotas`; tell the first quota that it would pass.
WITH used AS MATERIALIZED (
    SELECT
        (SELECT coalesce(sum(size), 0) FROM attachments
         WHERE room_id = $2 AND state <> 'removed' AND (state <> 'failed' OR until > $8::timestamptz)) AS of_room,
        (SELECT coalesce(sum(size), 0) FROM attachments
         WHERE uploader_id = $3 AND state <> 'removed' AND (state <> 'failed' OR until > $8::timestamptz)) AS of_account,
        (SELECT count(*) FROM attachments WHERE uploader_id = $3 AND state = 'pending') AS pending,
        EXISTS (SELECT FROM attachments WHERE id = $1) AS is_known
), answer AS MATERIALIZED (
    SELECT is_known, CASE
        WHEN is_known THEN NULL
        WHEN of_room + $5::bigint > $10::bigint THEN 'room_bytes'
        WHEN of_account + $5 > $11::bigint THEN 'account_bytes'
        WHEN pending >= $12::bigint THEN 'pending'
        END AS hit
    FROM used
), written AS (
    INSERT INTO attachments (id, room_id, uploader_id, name, size, said_sha256, part_bytes, at, until)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8::timestamptz, $9 FROM answer WHERE hit IS NULL AND NOT is_known
)
SELECT hit FROM answer

-- name: uploads
-- Read uploads, with what is known of their contents.
SELECT a.id, a.room_id, a.uploader_id, a.name, a.size, a.said_sha256, a.part_bytes, a.received, a.at, a.until, a.state,
    a.reason, a.sha256, a.message_id, a.message_seq, c.content_type, c.family, c.width, c.height, c.pages,
    c.has_thumbnail, c.has_text, c.is_inline_safe
FROM attachments a LEFT JOIN contents c ON c.sha256 = a.sha256
WHERE a.id = ANY($1::text[])

-- name: received_part
-- Keep that a part is there, once however often it came.
UPDATE attachments SET received = CASE WHEN $2::int = ANY(received) THEN received ELSE array_append(received, $2) END
WHERE id = $1 AND state IN ('pending', 'failed')
RETURNING id

-- name: wait_for_a_sweep
-- In this transaction, wait for locks longer than usual: as long as a sweep may hold them, in milliseconds.
SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true)

-- name: claim_content
-- Keep bytes from being swept. Waits for who removes them; those that a sweep did not get to the end of are not known.
INSERT INTO contents AS c (sha256, claimed_until) VALUES ($1, $2)
ON CONFLICT (sha256) DO UPDATE SET
    claimed_until = greatest(c.claimed_until, excluded.claimed_until),
    state = CASE c.state WHEN 'removing' THEN 'claimed' ELSE c.state END

-- name: content
-- Read what is known of bytes that one may count on.
SELECT sha256, size, content_type, family, width, height, pages, has_thumbnail, has_text, is_inline_safe
FROM contents WHERE sha256 = $1 AND state = 'known'

-- name: finish_upload
-- Make an upload ready, and its content known: what was found first stays. Not if a sweep has taken the content up.
WITH upload AS MATERIALIZED (
    SELECT id FROM attachments WHERE id = $1 AND state IN ('pending', 'failed') FOR UPDATE
), content AS (
    UPDATE contents c SET state = 'known', is_loose = false,
        size = CASE c.state WHEN 'known' THEN c.size ELSE $3::bigint END,
        content_type = CASE c.state WHEN 'known' THEN c.content_type ELSE $4::text END,
        family = CASE c.state WHEN 'known' THEN c.family ELSE $5::text END,
        width = CASE c.state WHEN 'known' THEN c.width ELSE $6::int END,
        height = CASE c.state WHEN 'known' THEN c.height ELSE $7::int END,
        pages = CASE c.state WHEN 'known' THEN c.pages ELSE $8::int END,
        has_thumbnail = CASE c.state WHEN 'known' THEN c.has_thumbnail ELSE $9::boolean END,
        has_text = CASE c.state WHEN 'known' THEN c.has_text ELSE $10::boolean END,
        is_inline_safe = CASE c.state WHEN 'known' THEN c.is_inline_safe ELSE $11::boolean END
    FROM upload WHERE c.sha256 = $2 AND c.state <> 'removing'
    RETURNING c.sha256, c.size
)
UPDATE attachments a SET state = 'ready', reason = '', sha256 = c.sha256, size = c.size
FROM content c WHERE a.id = $1
RETURNING a.id

-- name: fail_upload
-- Say why an upload did not arrive; forget its parts if they have to be sent again.
UPDATE attachments SET state = 'failed', reason = $2, received = CASE WHEN $3::boolean THEN '{}' ELSE received END
WHERE id = $1 AND state IN ('pending', 'failed') RETURNING id

-- name: drop_upload
-- Forget an upload that no message has. Its content may be had by nobody then.
WITH dropped AS (
    DELETE FROM attachments WHERE id = $1 AND message_id IS NULL RETURNING id, sha256
), loosened AS (
    UPDATE contents c SET is_loose = true FROM dropped d WHERE c.sha256 = d.sha256
)
SELECT id FROM dropped

-- name: content_known_to
-- Read what is known of bytes that an account has uploaded, or can see at a message as a member who is no guest.
SELECT c.sha256, c.size, c.content_type, c.family, c.width, c.height, c.pages, c.has_thumbnail, c.has_text,
    c.is_inline_safe
FROM contents c
WHERE c.sha256 = $2 AND c.state = 'known' AND EXISTS (
    SELECT FROM attachments a
    WHERE a.sha256 = c.sha256 AND (a.uploader_id = $1 OR (a.message_id IS NOT NULL AND EXISTS (
        SELECT FROM members m WHERE m.room_id = a.room_id AND m.account_id = $1 AND m.role <> 'guest'))))

-- name: files_of_room
-- Read the ready files of a room's messages, the newest message first, and none of a message left out.
SELECT a.id, a.room_id, a.uploader_id, a.name, a.size, a.said_sha256, a.part_bytes, a.received, a.at, a.until, a.state,
    a.reason, a.sha256, a.message_id, a.message_seq, c.content_type, c.family, c.width, c.height, c.pages,
    c.has_thumbnail, c.has_text, c.is_inline_safe
FROM (
    SELECT * FROM attachments
    WHERE room_id = $1 AND state = 'ready' AND message_id IS NOT NULL AND message_seq >= $2
        AND ($3::bigint IS NULL OR message_seq < $3)
    ORDER BY message_seq DESC FETCH FIRST ($4::bigint) ROWS WITH TIES
) AS a JOIN contents c ON c.sha256 = a.sha256
ORDER BY a.message_seq DESC, a.position

-- name: file_bytes_of_room
-- Add up the files of a room, those on their way as what was said of them.
SELECT coalesce(sum(size), 0)::bigint AS bytes
FROM attachments WHERE room_id = $1 AND state <> 'removed' AND state IN ('pending', 'ready')

-- name: overdue_uploads
-- Read uploads whose time is over: those that are awaited still, and the others that no message has.
SELECT a.id, a.room_id, a.uploader_id, a.name, a.size, a.said_sha256, a.part_bytes, a.received, a.at, a.until, a.state,
    a.reason, a.sha256, a.message_id, a.message_seq, c.content_type, c.family, c.width, c.height, c.pages,
    c.has_thumbnail, c.has_text, c.is_inline_safe
FROM attachments a LEFT JOIN contents c ON c.sha256 = a.sha256
WHERE a.until <= $1 AND (a.state = 'pending' OR (a.state IN ('failed', 'ready') AND a.message_id IS NULL))
ORDER BY a.until, a.id LIMIT $2

-- name: lock_loose_contents
-- Lock contents that perhaps no upload has, whose claims have ended, and that nobody is at.
SELECT sha256 FROM contents
WHERE is_loose AND claimed_until <= $1 AND sha256 <> ALL($3::text[])
ORDER BY claimed_until, sha256 LIMIT $2 FOR UPDATE SKIP LOCKED

-- name: doom_contents
-- Of locked contents, take those up for removal that no upload has, and tell them. One statement later than the lock: it
-- must see what was finished before.
WITH looked_at AS MATERIALIZED (
    SELECT sha256, EXISTS (SELECT FROM attachments a WHERE a.sha256 = l.sha256) AS is_had
    FROM unnest($1::text[]) AS l (sha256)
)
UPDATE contents c SET is_loose = NOT l.is_had, state = CASE WHEN l.is_had THEN c.state ELSE 'removing' END
FROM looked_at l WHERE c.sha256 = l.sha256
RETURNING c.sha256, l.is_had

-- name: hold_for_a_sweep
-- In this transaction, let the connection wait longer than usual for us: as long as `remove` may take, in milliseconds.
SELECT set_config('idle_in_transaction_session_timeout', $1, true)

-- name: lock_doomed_contents
-- Lock contents that are to be removed, that nobody has claimed since, and that no other sweep is at.
SELECT sha256 FROM contents
WHERE sha256 = ANY($1::text[]) AND state = 'removing'
ORDER BY sha256 FOR UPDATE SKIP LOCKED

-- name: delete_contents
-- Forget contents whose bytes are gone.
DELETE FROM contents WHERE sha256 = ANY($1::text[])

-- name: known_contents
-- Of these contents, those that are here.
SELECT sha256 FROM contents WHERE sha256 = ANY($1::text[])

-- name: bind_uploads
-- Attach uploads to messages of their room, and tell which could be.
UPDATE attachments a SET message_id = w.message_id, message_seq = w.seq, position = w.position
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[]) AS w (id, room_id, message_id, seq, position)
WHERE a.id = w.id AND a.room_id = w.room_id AND a.message_id IS NULL AND a.state <> 'removed'
RETURNING a.id

-- name: attachments_of_messages
-- Lock files of messages that are to be removed: all of a message, or one of them where an id is given.
SELECT a.id, w.number
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w (room_id, message_id, id, number)
    JOIN attachments a ON a.room_id = w.room_id AND a.message_id = w.message_id AND a.id = coalesce(w.id, a.id)
WHERE a.state <> 'removed'
FOR UPDATE OF a

-- name: attachments_of_rooms
-- Lock all files of rooms, attached or not.
SELECT id FROM attachments WHERE room_id = ANY($1::text[]) AND state <> 'removed' FOR UPDATE

-- name: remove_attachments
-- Forget what locked files were. Their contents may be had by nobody then.
WITH loose AS MATERIALIZED (
    SELECT sha256 FROM contents
    WHERE sha256 IN (SELECT a.sha256 FROM attachments a WHERE a.id = ANY($1::text[]))
    ORDER BY sha256 FOR UPDATE
), loosened AS (
    UPDATE contents c SET is_loose = true FROM loose l WHERE c.sha256 = l.sha256
)
UPDATE attachments a SET state = 'removed', name = '', size = 0, reason = w.reason, said_sha256 = NULL, sha256 = NULL
FROM unnest($1::text[], $2::text[]) AS w (id, reason)
WHERE a.id = w.id
