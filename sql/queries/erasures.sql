-- Erasures of persons: what is asked for, what is left to do, and taking out what stands beside messages.

-- name: take_long
-- In this transaction, let statements run longer than usual: whole tables are looked through. In milliseconds.
SELECT set_config('statement_timeout', $1, true)

-- name: request_erasure
-- Keep a request, unless the account has one.
INSERT INTO erasures (id, account_id, handle, requested_at, requested_by, messages)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING id

-- name: erasure
-- Read an account's erasure and how far it is.
SELECT e.id, e.account_id, e.handle, e.requested_at, e.requested_by, e.started_at, e.done_at, e.messages,
       e.messages_done, e.files_waiting, e.problem,
       (SELECT count(*) FROM erasure_rooms r WHERE r.erasure_id = e.id) AS rooms,
       (SELECT count(*) FROM erasure_rooms r WHERE r.erasure_id = e.id AND r.is_done) AS rooms_done
FROM erasures e WHERE e.account_id = $1

-- name: erased_account
-- Tell whose erasure it is.
SELECT account_id FROM erasures WHERE id = $1

-- name: hold_erasure
-- Take an erasure that is not done, is none of the last ones given, and that no other pod holds.
UPDATE erasures SET pod = $1, lease_until = clock_timestamp() + make_interval(secs => $2),
    started_at = coalesce(started_at, clock_timestamp())
WHERE id = (
    SELECT id FROM erasures
    WHERE done_at IS NULL AND ($3::text IS NULL OR id = $3) AND id <> ALL($4::text[])
        AND (pod = $1 OR lease_until IS NULL OR lease_until <= clock_timestamp())
    ORDER BY requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING account_id

-- name: note_erasure
-- Count what is done, and hold the erasure on.
UPDATE erasures SET messages_done = messages_done + $3, files_waiting = coalesce($4, files_waiting), problem = $5,
    lease_until = clock_timestamp() + make_interval(secs => $6)
WHERE id = $1 AND pod = $2 AND done_at IS NULL
RETURNING id

-- name: release_erasure
-- Hold an erasure no longer.
UPDATE erasures SET lease_until = NULL WHERE id = $1 AND pod = $2 AND done_at IS NULL

-- name: erasure_counts
-- Count what rows tell of a person. Looks through whole tables.
WITH mine AS MATERIALIZED (
    SELECT room_id, id, author_id, more FROM messages
    WHERE deleted_at IS NULL
        AND (author_id = $1 OR (turn_id IS NOT NULL AND more -> 'asked_by' = jsonb_build_array($1::text)))
), files AS MATERIALIZED (
    SELECT a.size FROM attachments a JOIN mine m ON a.room_id = m.room_id AND a.message_id = m.id
    WHERE a.state <> 'removed'
)
SELECT (SELECT count(*) FROM mine WHERE author_id = $1) AS messages,
    (SELECT count(*) FROM mine WHERE author_id <> $1) AS answers,
    (SELECT count(*) FROM files) AS files,
    (SELECT coalesce(sum(size), 0)::bigint FROM files) AS bytes,
    (SELECT count(*) FROM attachments WHERE uploader_id = $1 AND message_id IS NULL AND state <> 'removed') AS uploads,
    (SELECT coalesce(sum(jsonb_array_length(
            jsonb_path_query_array(more, '$.attachments[*].transcript ? (@.text != "")'))), 0)::bigint
     FROM mine WHERE more ? 'attachments') AS transcripts,
    (SELECT count(*) FROM messages
     WHERE deleted_at IS NULL AND (more -> 'form' ->> 'answered_by' = $1 OR jsonb_path_exists(
        more, '$.alternatives[*].form ? (@.answered_by == $id)', jsonb_build_object('id', $1::text)))) AS forms,
    (SELECT coalesce(sum(jsonb_array_length(jsonb_path_query_array(
            reactions, '$[*].account_ids[*] ? (@ == $id)', jsonb_build_object('id', $1::text)))), 0)::bigint
     FROM messages WHERE deleted_at IS NULL AND reactions <> '[]') AS reactions,
    (SELECT count(*) FROM hooks WHERE created_by = $1 AND revoked_at IS NULL) AS hooks,
    (SELECT count(*) FROM members m JOIN rooms r ON r.id = m.room_id AND r.deleted_at IS NULL
     WHERE m.account_id = $1) AS memberships,
    (SELECT count(*) FROM access_tokens WHERE account_id = $1 AND revoked_at IS NULL) AS tokens,
    (SELECT count(*) FROM sign_ins WHERE account_id = $1 AND revoked_at IS NULL) AS sign_ins,
    (SELECT count(*) FROM invites WHERE created_by = $1 AND revoked_at IS NULL) AS invites

-- name: rooms_of_person
-- Find the rooms in which an account ever took part. Looks through whole tables.
SELECT room_id FROM members WHERE account_id = $1
UNION SELECT room_id FROM messages WHERE author_id = $1
UNION SELECT room_id FROM events WHERE actor_id = $1
UNION SELECT room_id FROM events WHERE type IN ('room_created', 'member_joined') AND position($1 IN body) > 0
UNION SELECT room_id FROM turns WHERE coalesce(open_state, last_state) -> 'askers' ? $1
UNION SELECT room_id FROM attachments WHERE uploader_id = $1
UNION SELECT room_id FROM hooks WHERE created_by = $1
UNION SELECT room_id FROM invites WHERE created_by = $1

-- name: plan_rooms
-- Keep which rooms are to be looked at. One that was done before is looked at again.
INSERT INTO erasure_rooms (erasure_id, room_id)
SELECT $1, r.id FROM rooms r WHERE r.id = ANY($2::text[])
ON CONFLICT (erasure_id, room_id) DO UPDATE SET is_done = false

-- name: plan_contents
-- Keep the contents of a person's files, and of those in answers that AIs gave to them alone.
INSERT INTO erasure_contents (erasure_id, sha256)
SELECT DISTINCT e.id, a.sha256
FROM erasures e
JOIN attachments a ON a.sha256 IS NOT NULL
LEFT JOIN messages m ON m.room_id = a.room_id AND m.id = a.message_id
WHERE e.id = $1 AND (a.uploader_id = e.account_id OR m.author_id = e.account_id
    OR (m.turn_id IS NOT NULL AND m.more -> 'asked_by' = jsonb_build_array(e.account_id)))
ON CONFLICT DO NOTHING

-- name: rooms_to_erase
-- Read planned rooms that are not done.
SELECT e.room_id, r.deleted_at IS NOT NULL AS is_closed
FROM erasure_rooms e JOIN rooms r ON r.id = e.room_id
WHERE e.erasure_id = $1 AND NOT e.is_done ORDER BY e.room_id LIMIT $2

-- name: room_erased
-- A planned room is done.
UPDATE erasure_rooms SET is_done = true WHERE erasure_id = $1 AND room_id = $2

-- name: messages_to_erase
-- Read what an account has said in a room, and what AIs answered to it alone.
SELECT id, seq FROM messages
WHERE room_id = $1 AND seq > $3 AND deleted_at IS NULL
    AND (author_id = $2 OR (turn_id IS NOT NULL AND more -> 'asked_by' = jsonb_build_array($2::text)))
ORDER BY seq LIMIT $4

-- name: messages_touched
-- Read messages of a room that an account has reacted to, or whose form it has filled in.
SELECT id, seq FROM messages
WHERE room_id = $1 AND seq > $3 AND deleted_at IS NULL AND (
    (reactions <> '[]' AND jsonb_path_exists(
        reactions, '$[*].account_ids[*] ? (@ == $id)', jsonb_build_object('id', $2::text)))
    OR jsonb_path_exists(more, '$.form ? (@.answered_by == $id && @.answers.size() > 0)',
        jsonb_build_object('id', $2::text))
    OR jsonb_path_exists(more, '$.alternatives[*].form ? (@.answered_by == $id && @.answers.size() > 0)',
        jsonb_build_object('id', $2::text)))
ORDER BY seq LIMIT $4

-- name: lock_room_of_person
-- Hold a room against appends, and tell what it is to a person: `is_theirs` if it is deleted and had no other people.
SELECT r.seq, r.kind, r.deleted_at IS NOT NULL AS is_closed,
    r.deleted_at IS NOT NULL
        AND EXISTS (SELECT FROM members m WHERE m.room_id = r.id AND m.account_id = $2)
        AND NOT EXISTS (SELECT FROM members m WHERE m.room_id = r.id AND m.account_id <> $2 AND m.kind <> 'ai')
        AS is_theirs
FROM rooms r WHERE r.id = $1 FOR UPDATE

-- name: turns_of_person
-- Read the turns of a room that an account alone has asked for.
SELECT t.id FROM turns t LEFT JOIN usage u ON u.turn_id = t.id
WHERE t.room_id = $1
    AND coalesce(coalesce(t.open_state, t.last_state) -> 'askers', to_jsonb(u.askers)) = jsonb_build_array($2::text)

-- name: answers_asked_again
-- Read the answers of a room that an account has asked for, among others, and that were asked for once more.
SELECT DISTINCT m.id AS message_id
FROM turns t JOIN messages m ON m.room_id = t.room_id AND m.id = coalesce(t.open_state, t.last_state) ->> 'replaces'
WHERE t.room_id = $1 AND m.more -> 'asked_by' ? $2

-- name: lines_of_person
-- Read those of the next lines in which a person may be.
SELECT seq, body FROM events
WHERE room_id = $1 AND seq > $2 AND seq <= $2 + $3 AND (position($4 IN body) > 0 OR type = ANY($5::text[])
    OR (type = 'turn_requested' AND position('"replaces":"' IN body) > 0))
ORDER BY seq

-- name: proposals_of_person
-- Read what AIs proposed in turns that an account alone has asked for.
SELECT e.body FROM events e
WHERE e.room_id = $1 AND e.type = 'change_proposed' AND e.body::json ->> 'turn_id' = ANY($2::text[])

-- name: erase_turns
-- Forget what was said in turns that a person alone has asked for.
UPDATE turns SET text = '', cards = NULL,
    last_state = jsonb_set(jsonb_set(last_state, '{note}', '""'), '{calls}', '[]')
WHERE id = ANY($1::text[]) AND ended_at IS NOT NULL

-- name: erase_turn_notes
-- Forget what turns were asked beside messages, where a person is among those who asked, or asked for the same before.
UPDATE turns SET
    last_state = jsonb_set(last_state, '{note}', '""'),
    open_state = jsonb_set(open_state, '{note}', '""')
WHERE room_id = $1 AND coalesce(open_state, last_state) ->> 'note' <> ''
    AND (coalesce(open_state, last_state) -> 'askers' ? $2
        OR coalesce(open_state, last_state) ->> 'replaces' = ANY($3::text[]))

-- name: erase_end_reasons
-- Name nobody in what is said of the ends of turns that a person has stopped.
UPDATE turns t SET end_reason = $4
WHERE t.room_id = $1 AND starts_with(t.end_reason, $3) AND t.end_reason <> $4
    AND EXISTS (SELECT FROM events e WHERE e.room_id = t.room_id AND e.seq = t.ended_seq AND e.actor_id = $2)

-- name: erase_manifests
-- Name a person by other names in what is kept of turns' prompts.
UPDATE turns SET manifest = jsonb_set(manifest::jsonb, ARRAY['former', $2::text], jsonb_build_array($3::text, $4::text))::text
WHERE room_id = $1
    AND CASE WHEN position($2::text IN manifest) > 0 THEN manifest::jsonb -> 'former' ? $2::text ELSE false END

-- name: erase_points
-- Take what a person wrote out of all versions of a room's summary.
UPDATE summaries SET points = (
    SELECT coalesce(jsonb_agg(p.point ORDER BY p.n), '[]')
    FROM jsonb_array_elements(points) WITH ORDINALITY AS p (point, n) WHERE p.point ->> 'by' IS DISTINCT FROM $2::text)
WHERE room_id = $1 AND jsonb_path_exists(points, '$[*] ? (@.by == $id)', jsonb_build_object('id', $2::text))

-- name: erase_parts
-- Forget pieces of a room's prompts that name a person: each of the words counts where its pattern finds it, too.
DELETE FROM prompt_parts p
WHERE p.room_id = $1 AND EXISTS (
    SELECT FROM unnest($2::text[], $3::text[]) AS w (word, pattern)
    WHERE CASE WHEN position(w.word IN p.body) > 0 THEN p.body ~ w.pattern ELSE false END)

-- name: erase_member_names
-- Name a person by other names where they were a member of a deleted room.
UPDATE members SET handle = $3, display_name = $4 WHERE room_id = $1 AND account_id = $2

-- name: erase_notes
-- Forget what the rules of a deleted room remembered.
DELETE FROM room_notes WHERE room_id = $1

-- name: erase_room_names
-- Take the name, topic and settings of a deleted room away.
UPDATE rooms SET name = $2, topic = '', settings = $3::jsonb WHERE id = $1 AND deleted_at IS NOT NULL

-- name: erase_room_rules
-- Write the settings of a deleted room without what a person has set.
UPDATE rooms SET settings = $2::jsonb WHERE id = $1 AND deleted_at IS NOT NULL

-- name: settings_of_room
-- Read a room's settings.
SELECT settings::text AS settings FROM rooms WHERE id = $1

-- name: loosen_contents
-- Let no claim keep planned contents that no upload has and that nobody is sending just now.
WITH free AS MATERIALIZED (
    SELECT c.sha256 FROM contents c JOIN erasure_contents e ON e.sha256 = c.sha256 AND e.erasure_id = $1
    WHERE NOT EXISTS (SELECT FROM attachments a WHERE a.sha256 = c.sha256)
    ORDER BY c.sha256 FOR UPDATE OF c
)
UPDATE contents c SET is_loose = true, claimed_until = least(c.claimed_until, $2)
FROM free f WHERE c.sha256 = f.sha256
RETURNING c.sha256

-- name: unattached_uploads
-- Read uploads of an account that no message has.
SELECT id FROM attachments WHERE uploader_id = $1 AND message_id IS NULL ORDER BY id LIMIT $2

-- name: erase_account
-- Take an account's names away, unless somebody else has the new handle.
UPDATE accounts a SET handle = $2, folded_handle = $2, display_name = $3, email = NULL, issuer = NULL, subject = NULL,
    is_operator = false, disabled_at = coalesce(a.disabled_at, $4)
WHERE a.id = $1 AND NOT EXISTS (SELECT FROM accounts o WHERE o.folded_handle = $2 AND o.id <> $1)
RETURNING a.id

-- name: erase_secrets
-- Take away all by which an account could come in, and how far it has read.
WITH passwords AS (DELETE FROM credentials WHERE account_id = $1),
    tokens AS (DELETE FROM access_tokens WHERE account_id = $1),
    entries AS (DELETE FROM sign_ins WHERE account_id = $1),
    links AS (DELETE FROM login_links WHERE account_id = $1),
    marks AS (DELETE FROM read_marks WHERE account_id = $1),
    names AS (UPDATE members SET handle = $2, display_name = $3 WHERE account_id = $1)
SELECT 1

-- name: finish_erasure
-- An erasure is done; what was planned is no longer needed.
UPDATE erasures SET done_at = $2, handle = $3, problem = '', files_waiting = 0, pod = NULL, lease_until = NULL
WHERE id = $1 AND done_at IS NULL RETURNING id

-- name: forget_planned_contents
-- Forget which contents an erased person had.
DELETE FROM erasure_contents WHERE erasure_id = $1

-- name: erasure_traces
-- Count what is left of a person wherever words or names of theirs may be. Looks through whole tables.
SELECT place, n FROM (
    SELECT 'account' AS place, count(*) AS n FROM accounts
    WHERE id = $1 AND (folded_handle = $2 OR display_name = $3 OR email IS NOT NULL OR subject IS NOT NULL)
    UNION ALL SELECT 'secrets', (SELECT count(*) FROM credentials WHERE account_id = $1)
        + (SELECT count(*) FROM access_tokens WHERE account_id = $1)
        + (SELECT count(*) FROM sign_ins WHERE account_id = $1)
        + (SELECT count(*) FROM login_links WHERE account_id = $1)
    UNION ALL SELECT 'read marks', count(*) FROM read_marks WHERE account_id = $1
    UNION ALL SELECT 'members', count(*) FROM members WHERE account_id = $1 AND (handle = $2 OR display_name = $3)
    UNION ALL SELECT 'messages', count(*) FROM messages
    WHERE (deleted_at IS NULL OR text <> '' OR words <> '')
        AND (author_id = $1 OR (turn_id IS NOT NULL AND more -> 'asked_by' = jsonb_build_array($1::text)))
    UNION ALL SELECT 'revisions', count(*) FROM revisions v JOIN messages m ON m.room_id = v.room_id AND m.id = v.message_id
    WHERE m.author_id = $1
    UNION ALL SELECT 'reactions', count(*) FROM messages
    WHERE reactions <> '[]' AND jsonb_path_exists(
        reactions, '$[*].account_ids[*] ? (@ == $id)', jsonb_build_object('id', $1::text))
    UNION ALL SELECT 'forms', count(*) FROM messages
    WHERE jsonb_path_exists(more, '$.form ? (@.answered_by == $id && @.answers.size() > 0)',
            jsonb_build_object('id', $1::text))
        OR jsonb_path_exists(more, '$.alternatives[*].form ? (@.answered_by == $id && @.answers.size() > 0)',
            jsonb_build_object('id', $1::text))
    UNION ALL SELECT 'lines', count(*) FROM events
    WHERE actor_id = $1 AND (
        (type IN ('message_posted', 'message_edited', 'fact_pinned') AND position('"is_redacted":true' IN body) = 0)
        OR (type = 'form_answered' AND position('"answers":[]' IN body) = 0))
    UNION ALL SELECT 'lines of members', count(*) FROM events
    WHERE CASE type
        WHEN 'member_joined' THEN body::json -> 'member' ->> 'account_id' = $1
            AND (body::json -> 'member' ->> 'handle' = $2 OR body::json -> 'member' ->> 'display_name' = $3)
        WHEN 'room_created' THEN EXISTS (
            SELECT FROM json_array_elements(body::json -> 'members') AS m
            WHERE m ->> 'account_id' = $1 AND (m ->> 'handle' = $2 OR m ->> 'display_name' = $3))
        ELSE false END
    UNION ALL SELECT 'lines of tools', count(*)
    FROM turns t LEFT JOIN usage u ON u.turn_id = t.id JOIN events e ON e.room_id = t.room_id
    WHERE coalesce(coalesce(t.open_state, t.last_state) -> 'askers', to_jsonb(u.askers)) = jsonb_build_array($1::text)
        AND e.type = 'tool_called' AND e.seq > t.requested_seq AND e.body::json ->> 'turn_id' = t.id
        AND e.body::json ->> 'arguments' <> '{}'
    UNION ALL SELECT 'summaries', count(*) FROM summaries
    WHERE jsonb_path_exists(points, '$[*] ? (@.by == $id)', jsonb_build_object('id', $1::text))
    UNION ALL SELECT 'facts', count(*) FROM room_notes
    WHERE jsonb_path_exists(body, '$.facts[*] ? (@.by == $id)', jsonb_build_object('id', $1::text))
    UNION ALL SELECT 'turns', count(*) FROM turns t
    WHERE coalesce(t.open_state, t.last_state) ->> 'note' <> '' AND (
        coalesce(t.open_state, t.last_state) -> 'askers' ? $1
        OR EXISTS (
            SELECT FROM messages m WHERE m.room_id = t.room_id
                AND m.id = coalesce(t.open_state, t.last_state) ->> 'replaces' AND m.more -> 'asked_by' ? $1))
    UNION ALL SELECT 'ends of turns', count(*)
    FROM turns t JOIN events e ON e.room_id = t.room_id AND e.seq = t.ended_seq AND e.actor_id = $1
    WHERE starts_with(t.end_reason, $4) AND t.end_reason <> $5
    UNION ALL SELECT 'prompts', count(*) FROM prompt_parts WHERE position($1 IN body) > 0
    UNION ALL SELECT 'files', count(*) FROM attachments
    WHERE uploader_id = $1 AND (state <> 'removed' OR message_id IS NULL)
) AS traces
WHERE n > 0
