-- Appending: the one hot statement, and what rarer events change beside it, in the same transaction.

-- name: append_events
-- Move the rooms that stand at their expected seq, in the order of their ids, and write their events and new messages.
WITH want AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[]) AS w(room_id, expected, n)
), moved AS (
    UPDATE rooms r SET seq = r.seq + w.n
    FROM (SELECT w.* FROM want w JOIN rooms l ON l.id = w.room_id ORDER BY l.id FOR UPDATE OF l) w
    WHERE r.id = w.room_id AND r.seq = w.expected AND r.deleted_at IS NULL
    RETURNING r.id
), written AS (
    INSERT INTO events (room_id, seq, event_id, at, actor_id, type, body, key, digest)
    SELECT e.*
    FROM unnest($4::text[], $5::bigint[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::text[],
                $11::text[], $12::bytea[])
        AS e(room_id, seq, event_id, at, actor_id, type, body, key, digest)
    JOIN moved m ON m.id = e.room_id
), posted AS (
    INSERT INTO messages (room_id, id, seq, author_id, at, text, reply_to, thread_root, turn_id, mentions,
                          mention_groups, words, more, found_by)
    SELECT p.room_id, p.id, p.seq, p.author_id, p.at, p.text, p.reply_to, p.thread_root, p.turn_id,
           string_to_array(p.mentions, ' '), string_to_array(p.mention_groups, ' '), p.words::tsvector, p.more::jsonb,
           p.found_by
    FROM unnest($13::text[], $14::text[], $15::bigint[], $16::text[], $17::timestamptz[], $18::text[], $19::text[],
                $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::text[])
        AS p(room_id, id, seq, author_id, at, text, reply_to, thread_root, turn_id, mentions, mention_groups, words,
             more, found_by)
    JOIN moved m ON m.id = p.room_id
)
SELECT id FROM moved

-- name: insert_room
-- Make a room's row at seq 0, unless the room or its direct key is there.
INSERT INTO rooms (id, seq, kind, name, topic, settings, created_at, direct_key)
VALUES ($1, 0, $2, $3, $4, $5::jsonb, $6, $7)
ON CONFLICT DO NOTHING
RETURNING id

-- name: room_of_direct_key
-- Find what stood in the way of making the room: the direct room of these accounts, or the room itself.
SELECT id FROM rooms WHERE direct_key = $1 OR id = $2

-- name: change_rooms
-- Bring names, topics, settings, archive and deletion up to date; null leaves a thing as it is.
UPDATE rooms r SET
    name = coalesce(w.name, r.name),
    topic = coalesce(w.topic, r.topic),
    settings = coalesce(w.settings::jsonb, r.settings),
    archived_at = CASE WHEN w.archives THEN w.archived_at ELSE r.archived_at END,
    deleted_at = coalesce(w.deleted_at, r.deleted_at),
    direct_key = CASE WHEN w.deleted_at IS NULL THEN r.direct_key END
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::timestamptz[])
    AS w(room_id, name, topic, settings, archives, archived_at, deleted_at)
WHERE r.id = w.room_id

-- name: remove_members
-- Take memberships away.
DELETE FROM members m
USING unnest($1::text[], $2::text[]) AS w(room_id, account_id)
WHERE m.room_id = w.room_id AND m.account_id = w.account_id

-- name: put_members
-- Write memberships as they are now.
INSERT INTO members (room_id, account_id, kind, handle, display_name, role, joined_at, joined_seq, until)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                     $8::bigint[], $9::timestamptz[])
ON CONFLICT (room_id, account_id) DO UPDATE SET
    kind = excluded.kind, handle = excluded.handle, display_name = excluded.display_name, role = excluded.role,
    joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, until = excluded.until

-- name: change_roles
-- Change the roles of members; only one who is a guest before and after keeps the end of the membership.
UPDATE members m SET role = w.role, until = CASE WHEN w.keeps_until THEN m.until END
FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) AS w(room_id, account_id, role, keeps_until)
WHERE m.room_id = w.room_id AND m.account_id = w.account_id

-- name: put_bans
-- Ban accounts from rooms.
INSERT INTO bans (room_id, account_id) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING

-- name: lift_bans
-- Lift bans.
DELETE FROM bans b USING unnest($1::text[], $2::text[]) AS w(room_id, account_id)
WHERE b.room_id = w.room_id AND b.account_id = w.account_id

-- name: put_pins
-- Pin messages, in the order of their events.
INSERT INTO pins (room_id, seq, message_id) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])

-- name: remove_pins
-- Take pins off.
DELETE FROM pins p USING unnest($1::text[], $2::text[]) AS w(room_id, message_id)
WHERE p.room_id = w.room_id AND p.message_id = w.message_id

-- name: put_summaries
-- Keep a version of a room's summary.
INSERT INTO summaries (room_id, seq, version, text, points, up_to_seq, method, taint, edited_by, brief, at)
SELECT s.room_id, s.seq, s.version, '', s.points::jsonb, s.up_to_seq, s.method, s.taint::jsonb, s.edited_by, s.brief,
       s.at
FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::timestamptz[])
    AS s(room_id, seq, version, points, up_to_seq, method, taint, edited_by, brief, at)

-- name: summaries_derived
-- Read the summaries from before these deletions that may hold something of the deleted messages.
SELECT s.room_id, s.seq, s.text, s.points::text AS points, array_agg(w.message_id) AS message_ids
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS w(room_id, message_id, posted_seq, deleted_seq)
JOIN summaries s ON s.room_id = w.room_id AND s.seq < w.deleted_seq AND s.up_to_seq >= w.posted_seq
WHERE CASE WHEN s.points IS NULL THEN s.text <> '' ELSE jsonb_path_exists(
    s.points, '$[*] ? (@.sources[*] == $id || (@.sources.size() == 0 && @.by == null))',
    jsonb_build_object('id', w.message_id)) END
GROUP BY s.room_id, s.seq

-- name: change_summaries
-- Leave these points of summaries, and nothing else.
UPDATE summaries s SET points = w.points::jsonb, text = ''
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w(room_id, seq, points)
WHERE s.room_id = w.room_id AND s.seq = w.seq

-- name: notes_to_change
-- Read what the rules of rooms remember.
SELECT room_id, body::text AS body FROM room_notes WHERE room_id = ANY($1::text[])

-- name: put_notes
-- Write what the rules of rooms remember now.
INSERT INTO room_notes (room_id, body)
SELECT n.room_id, n.body::jsonb FROM unnest($1::text[], $2::text[]) AS n(room_id, body)
ON CONFLICT (room_id) DO UPDATE SET body = excluded.body

-- name: put_facts
-- Keep in which lines facts stand.
INSERT INTO facts (room_id, fact_id, seq) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])

-- name: remove_facts
-- Forget facts, and tell in which lines they stand.
DELETE FROM facts f USING unnest($1::text[], $2::text[]) AS w(room_id, fact_id)
WHERE f.room_id = w.room_id AND f.fact_id = w.fact_id
RETURNING f.room_id, f.seq

-- name: remove_parts
-- Forget pieces of prompts in which these words stand, and what must stand beside them.
DELETE FROM prompt_parts p USING unnest($1::text[], $2::text[], $3::text[]) AS w(room_id, words, beside)
WHERE p.room_id = w.room_id AND position(w.words IN p.body) > 0 AND position(w.beside IN p.body) > 0

-- name: remove_digests
-- Forget digests of ranges in which these events lie.
DELETE FROM digests d USING unnest($1::text[], $2::bigint[]) AS w(room_id, seq)
WHERE d.room_id = w.room_id AND w.seq BETWEEN d.from_seq AND d.to_seq

-- name: drop_parts_of_rooms
-- Forget all pieces of prompts of rooms.
DELETE FROM prompt_parts WHERE room_id = ANY($1::text[])

-- name: drop_digests_of_rooms
-- Forget all digests of rooms.
DELETE FROM digests WHERE room_id = ANY($1::text[])

-- name: messages_to_change
-- Read the messages that edits, deletions, reactions and further answers are about, as they stand.
SELECT m.room_id, m.id, m.seq, m.author_id, m.at, m.text, m.reply_to, m.thread_root, m.turn_id, m.mentions,
       m.mention_groups, m.revision, m.edited_at, m.deleted_at, m.deleted_by, m.reactions, m.more
FROM messages m JOIN unnest($1::text[], $2::text[]) AS w(room_id, id) ON m.room_id = w.room_id AND m.id = w.id

-- name: change_messages
-- Write messages as they stand after edits, deletions, reactions and further answers.
UPDATE messages m SET
    text = w.text, mentions = string_to_array(w.mentions, ' '), mention_groups = string_to_array(w.mention_groups, ' '),
    revision = w.revision, edited_at = w.edited_at, deleted_at = w.deleted_at, deleted_by = w.deleted_by,
    reactions = w.reactions::jsonb, words = w.words::tsvector, turn_id = w.turn_id, more = w.more::jsonb,
    found_by = w.found_by
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[],
            $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
    AS w(room_id, id, text, mentions, mention_groups, revision, edited_at, deleted_at, deleted_by, reactions, words,
         turn_id, more, found_by)
WHERE m.room_id = w.room_id AND m.id = w.id

-- name: put_revisions
-- Keep states of texts. The first one is kept at the first change.
INSERT INTO revisions (room_id, message_id, seq, revision, at, text)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::timestamptz[], $6::text[])
ON CONFLICT (room_id, message_id, seq) DO NOTHING

-- name: remove_revisions
-- Forget the earlier texts of deleted messages, and tell in which events they stand.
DELETE FROM revisions r USING unnest($1::text[], $2::text[]) AS w(room_id, message_id)
WHERE r.room_id = w.room_id AND r.message_id = w.message_id
RETURNING r.room_id, r.seq

-- name: put_further_lines
-- Keep in which further lines words of messages stand.
INSERT INTO further_lines (room_id, message_id, seq) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])

-- name: lines_of_files
-- Tell in which lines files of these messages are named.
SELECT f.room_id, f.seq
FROM further_lines f JOIN unnest($1::text[], $2::text[]) AS w(room_id, message_id)
    ON f.room_id = w.room_id AND f.message_id = w.message_id
UNION ALL
SELECT m.room_id, m.seq
FROM messages m JOIN unnest($1::text[], $2::text[]) AS w(room_id, message_id)
    ON m.room_id = w.room_id AND m.id = w.message_id

-- name: remove_further_lines
-- Forget the further lines of deleted messages, and tell which they are.
DELETE FROM further_lines f USING unnest($1::text[], $2::text[]) AS w(room_id, message_id)
WHERE f.room_id = w.room_id AND f.message_id = w.message_id
RETURNING f.room_id, f.seq

-- name: put_turn_notes
-- Keep in which lines it stands what turns were asked beside messages.
INSERT INTO turn_notes (room_id, turn_id, seq) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])

-- name: remove_turn_notes
-- Forget where it stands what turns were asked whose answers are deleted, and tell it.
DELETE FROM turn_notes WHERE turn_id = ANY($1::text[]) RETURNING room_id, seq

-- name: lines_to_redact
-- Read lines of the log that hold words of a deleted message, or of what was derived from it.
SELECT e.room_id, e.seq, e.body
FROM events e JOIN unnest($1::text[], $2::bigint[]) AS w(room_id, seq) ON e.room_id = w.room_id AND e.seq = w.seq

-- name: redact_lines
-- Put lines without the text in their place.
UPDATE events e SET body = w.body
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w(room_id, seq, body)
WHERE e.room_id = w.room_id AND e.seq = w.seq

-- name: redact_turn_texts
-- Forget the running words of turns whose message was deleted, and what they were asked beside messages.
UPDATE turns SET text = '', cards = NULL,
    last_state = CASE WHEN last_state ->> 'note' <> '' THEN jsonb_set(last_state, '{note}', '""') ELSE last_state END
WHERE id = ANY($1::text[])

-- name: redact_turn_notes
-- Forget what ended turns were asked beside these messages, or to answer once more in their place: they are deleted.
UPDATE turns t SET last_state = jsonb_set(t.last_state, '{note}', '""')
FROM unnest($1::text[], $2::text[]) AS w(room_id, message_id)
WHERE t.room_id = w.room_id AND t.last_state ->> 'note' <> ''
    AND (t.last_state -> 'messages' ? w.message_id OR t.last_state ->> 'replaces' = w.message_id)

-- name: deleted_among
-- Of these messages, those that are deleted.
SELECT m.room_id, m.id
FROM messages m JOIN unnest($1::text[], $2::text[]) AS w(room_id, id) ON m.room_id = w.room_id AND m.id = w.id
WHERE m.deleted_at IS NOT NULL

-- name: turns_to_change
-- Read the open turns that events are about.
SELECT id, open_state FROM turns WHERE id = ANY($1::text[]) AND ended_at IS NULL

-- name: put_turns
-- Write turns that were asked for.
INSERT INTO turns (id, room_id, ai_id, requested_at, requested_seq, rule_id, open_state, state)
SELECT t.id, t.room_id, t.ai_id, t.requested_at, t.requested_seq, t.rule_id, t.open_state::jsonb, 'requested'
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[])
    AS t(id, room_id, ai_id, requested_at, requested_seq, rule_id, open_state)

-- name: change_turns
-- Write turns as their events leave them. A new fence ends the lease of the pod before.
UPDATE turns t SET
    open_state = w.open_state::jsonb,
    state = w.state,
    fence = greatest(t.fence, w.fence),
    pod = CASE WHEN w.fence > t.fence THEN w.pod ELSE t.pod END,
    lease_until = CASE WHEN w.fence > t.fence THEN NULL ELSE t.lease_until END,
    touched_at = CASE WHEN w.fence > t.fence THEN clock_timestamp() ELSE t.touched_at END,
    text = CASE WHEN w.ended_at IS NULL THEN t.text ELSE '' END,
    cards = CASE WHEN w.ended_at IS NULL THEN t.cards END,
    model = coalesce(w.model, t.model),
    ended_at = w.ended_at,
    ended_seq = w.ended_seq,
    end_reason = w.end_reason,
    message_id = w.message_id,
    last_state = w.last_state::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[],
            $9::text[], $10::text[], $11::text[])
    AS w(id, open_state, state, fence, pod, model, ended_at, ended_seq, end_reason, message_id, last_state)
WHERE t.id = w.id

-- name: put_usage
-- Keep what ended turns used.
INSERT INTO usage (turn_id, room_id, ai_id, askers, at, model, tokens_in, tokens_cached, tokens_out, cost_micros,
                   is_estimated, price_version, calls)
SELECT u.turn_id, u.room_id, u.ai_id, string_to_array(u.askers, ' '), u.at, u.model, u.tokens_in, u.tokens_cached,
       u.tokens_out, u.cost_micros, u.is_estimated, u.price_version, u.calls
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bool[], $12::text[], $13::int[])
    AS u(turn_id, room_id, ai_id, askers, at, model, tokens_in, tokens_cached, tokens_out, cost_micros, is_estimated,
         price_version, calls)

-- name: put_tool_lines
-- Keep in which lines it stands what tools were told and brought.
INSERT INTO tool_lines (room_id, seq, turn_id, call_id)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])

-- name: turns_asked_by
-- Find the turns of a room that these messages asked for, with the last of the seqs that go with the messages.
SELECT t.id, max(w.until) AS until
FROM turns t, unnest($2::text[], $3::bigint[]) AS w(message_id, until)
WHERE t.room_id = $1 AND coalesce(t.open_state, t.last_state) -> 'messages' ?| $2::text[]
    AND coalesce(t.open_state, t.last_state) -> 'messages' ? w.message_id
GROUP BY t.id

-- name: ended_turns_of_deleted
-- Of turns that ended just now, find those that a deleted message asked for, or whose answer is deleted.
SELECT t.room_id, t.id, w.until
FROM turns t JOIN unnest($1::text[], $2::bigint[]) AS w(id, until) ON w.id = t.id
WHERE EXISTS (
    SELECT FROM (
        SELECT jsonb_array_elements_text(t.last_state -> 'messages') UNION ALL SELECT t.message_id
    ) AS n(id) JOIN messages m ON m.room_id = t.room_id AND m.id = n.id
    WHERE m.deleted_at IS NOT NULL)

-- name: take_tool_lines_of_turns
-- Forget where it stands what tools were told and brought in these turns before some seq, and tell it.
DELETE FROM tool_lines t USING unnest($1::text[], $2::text[], $3::bigint[]) AS w(room_id, turn_id, until)
WHERE t.room_id = w.room_id AND t.turn_id = w.turn_id AND t.seq < w.until
RETURNING t.room_id, t.seq

-- name: tool_lines_quoting
-- Look through the next lines of tools for words, each with what must stand beside them, behind and before which seqs.
-- Of those that have any, `until` is the last of the latter.
SELECT l.seq, l.turn_id, l.call_id, (
    SELECT max(w.until) FROM unnest($5::text[], $6::text[], $7::bigint[], $8::bigint[]) AS w(words, beside, after, until)
    WHERE l.seq > w.after AND l.seq < w.until AND position(w.words IN l.said) > 0 AND position(w.beside IN l.said) > 0
) AS until
FROM (
    -- Its OFFSET has each line unpacked once, not for each of the words.
    SELECT t.seq, t.turn_id, t.call_id, coalesce(e.body::json ->> 'text', e.body::json ->> 'arguments') AS said
    FROM tool_lines t JOIN events e ON e.room_id = t.room_id AND e.seq = t.seq
    WHERE t.room_id = $1 AND t.seq > $2 AND t.seq < $3
    ORDER BY t.seq LIMIT $4 OFFSET 0
) l
ORDER BY l.seq

-- name: take_tool_lines_of_calls
-- Forget where these lines of tools stand, and the results behind them of the same calls, and tell it.
DELETE FROM tool_lines t
USING unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS w(room_id, turn_id, call_id, seq, until)
WHERE t.room_id = w.room_id AND t.turn_id = w.turn_id AND t.call_id = w.call_id AND t.seq >= w.seq AND t.seq < w.until
RETURNING t.room_id, t.seq
