-- Reading rooms, their log and their messages.

-- name: epoch
-- Name the history of this database. The timeline is the one now written: the control file's lags after a failover.
SELECT (SELECT system_identifier FROM pg_control_system())::text AS system,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
       restore_mark
FROM server_state

-- name: load_room
-- Read a whole room in one statement, so from one snapshot.
SELECT r.id, r.seq, r.kind, r.name, r.topic, r.settings, r.created_at, r.archived_at,
    (SELECT json_agg(json_build_object(
                'account_id', m.account_id, 'kind', m.kind, 'handle', m.handle, 'display_name', m.display_name,
                'role', m.role, 'joined_at', m.joined_at, 'joined_seq', m.joined_seq, 'until', m.until)
            ORDER BY m.joined_seq, m.account_id)
        FROM members m WHERE m.room_id = r.id)::text AS members,
    ARRAY(SELECT b.account_id FROM bans b WHERE b.room_id = r.id) AS banned,
    ARRAY(SELECT p.message_id FROM pins p WHERE p.room_id = r.id ORDER BY p.seq) AS pins,
    ARRAY(SELECT t.open_state::text FROM turns t WHERE t.room_id = r.id AND t.ended_at IS NULL
          ORDER BY t.requested_seq) AS turns,
    (SELECT json_build_object(
            'version', s.version, 'up_to_seq', s.up_to_seq, 'method', s.method, 'points', s.points, 'text', s.text,
            'taint', s.taint, 'edited_by', s.edited_by, 'brief', s.brief)
        FROM summaries s WHERE s.room_id = r.id ORDER BY s.seq DESC LIMIT 1)::text AS summary,
    n.body::text AS notes,
    (SELECT json_object_agg(k.rule_id, (
                SELECT count(*) FROM messages m
                WHERE m.room_id = r.id AND m.seq > k.mark::bigint AND m.turn_id IS NULL))
        FROM jsonb_each_text(n.body -> 'marks') AS k(rule_id, mark))::text AS said_since
FROM rooms r LEFT JOIN room_notes n ON n.room_id = r.id
WHERE r.id = $1 AND r.deleted_at IS NULL

-- name: room_seqs
-- Read where rooms stand.
SELECT id, seq FROM rooms WHERE id = ANY($1::text[]) AND deleted_at IS NULL

-- name: deleted_rooms
-- Tell which rooms were deleted; one that never was here is not among them.
SELECT id FROM rooms WHERE id = ANY($1::text[]) AND deleted_at IS NOT NULL

-- name: events_after
-- Page through a room's log.
SELECT seq, event_id, body FROM events WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: find_keys
-- Look up what keys of a room stand for.
SELECT e.actor_id, e.key, e.seq, e.event_id, e.digest
FROM unnest($2::text[], $3::text[]) AS w(actor_id, key)
JOIN events e ON e.room_id = $1 AND e.actor_id = w.actor_id AND e.key = w.key

-- name: messages_by_id
-- Read messages as they stand now.
SELECT room_id, id, seq, author_id, at, text, reply_to, thread_root, turn_id, mentions, mention_groups, revision,
       edited_at, deleted_at, deleted_by, reactions, more
FROM messages WHERE room_id = $1 AND id = ANY($2::text[])

-- name: recent_messages
-- Page backwards through a room's messages.
SELECT room_id, id, seq, author_id, at, text, reply_to, thread_root, turn_id, mentions, mention_groups, revision,
       edited_at, deleted_at, deleted_by, reactions, more
FROM messages WHERE room_id = $1 AND seq >= $2 AND seq < coalesce($3, 9223372036854775807)
ORDER BY seq DESC LIMIT $4

-- name: revisions
-- Read every state of a message's text: one never edited has only its own.
SELECT r.revision, r.at, r.text FROM revisions r WHERE r.room_id = $1 AND r.message_id = $2
UNION ALL
SELECT m.revision, m.at, m.text FROM messages m
WHERE m.room_id = $1 AND m.id = $2 AND m.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM revisions r WHERE r.room_id = $1 AND r.message_id = $2)
ORDER BY revision, at

-- name: search_by_index
-- Find messages that have all the words, by index, and among them those with every pattern. In this search and the two
-- below, what a filter asks beside the words stands alike: author by id, by name, a file, a link, the time.
SELECT m.room_id, m.id, m.seq, m.author_id, m.at, m.text, m.reply_to, m.thread_root, m.turn_id, m.mentions,
       m.mention_groups, m.revision, m.edited_at, m.deleted_at, m.deleted_by, m.reactions, m.more
FROM messages m JOIN unnest($1::text[], $2::bigint[]) AS r(room_id, from_seq)
    ON m.room_id = r.room_id AND m.seq >= r.from_seq
WHERE m.words @@ $3::text::tsquery AND coalesce(m.found_by, m.text) ILIKE ALL($4::text[]) AND m.id < coalesce($5, '~')
    AND m.deleted_at IS NULL
    AND ($7::text IS NULL OR m.author_id = $7)
    AND ($8::text IS NULL
        OR m.author_id IN (SELECT a.id FROM accounts a WHERE a.folded_handle = $8 OR a.display_name ILIKE $9))
    AND (NOT $10::bool OR m.more @? '$.attachments[*] ? (!(@.state == "removed" || @.state == "failed"))')
    AND (NOT $11::bool OR m.text ~* 'https?://[^[:space:]]' OR m.more @? '$.cards[*] ? (@.url != "")')
    AND m.at >= coalesce($12::timestamptz, '-infinity') AND m.at < coalesce($13::timestamptz, 'infinity')
ORDER BY m.id DESC LIMIT $6

-- name: search_by_trigrams
-- Find messages with a piece of text of three letters or more, by index, and among them those with every pattern.
SELECT m.room_id, m.id, m.seq, m.author_id, m.at, m.text, m.reply_to, m.thread_root, m.turn_id, m.mentions,
       m.mention_groups, m.revision, m.edited_at, m.deleted_at, m.deleted_by, m.reactions, m.more
FROM messages m JOIN unnest($1::text[], $2::bigint[]) AS r(room_id, from_seq)
    ON m.room_id = r.room_id AND m.seq >= r.from_seq
WHERE (m.text ILIKE $3 OR m.found_by ILIKE $3) AND coalesce(m.found_by, m.text) ILIKE ALL($4::text[])
    AND m.id < coalesce($5, '~')
    AND m.deleted_at IS NULL
    AND ($7::text IS NULL OR m.author_id = $7)
    AND ($8::text IS NULL
        OR m.author_id IN (SELECT a.id FROM accounts a WHERE a.folded_handle = $8 OR a.display_name ILIKE $9))
    AND (NOT $10::bool OR m.more @? '$.attachments[*] ? (!(@.state == "removed" || @.state == "failed"))')
    AND (NOT $11::bool OR m.text ~* 'https?://[^[:space:]]' OR m.more @? '$.cards[*] ? (@.url != "")')
    AND m.at >= coalesce($12::timestamptz, '-infinity') AND m.at < coalesce($13::timestamptz, 'infinity')
ORDER BY m.id DESC LIMIT $6

-- name: search_by_reading
-- Find messages without words, or with pieces of text too short for any index: read the rooms from the newest one on.
SELECT m.*
FROM unnest($1::text[], $2::bigint[]) AS r(room_id, from_seq)
CROSS JOIN LATERAL (
    SELECT m.room_id, m.id, m.seq, m.author_id, m.at, m.text, m.reply_to, m.thread_root, m.turn_id, m.mentions,
           m.mention_groups, m.revision, m.edited_at, m.deleted_at, m.deleted_by, m.reactions, m.more
    FROM messages m
    WHERE m.room_id = r.room_id AND m.seq >= r.from_seq AND coalesce(m.found_by, m.text) ILIKE ALL($3::text[])
        AND m.id < coalesce($4, '~')
        AND m.deleted_at IS NULL
        AND ($6::text IS NULL OR m.author_id = $6)
        AND ($7::text IS NULL
            OR m.author_id IN (SELECT a.id FROM accounts a WHERE a.folded_handle = $7 OR a.display_name ILIKE $8))
        AND (NOT $9::bool OR m.more @? '$.attachments[*] ? (!(@.state == "removed" || @.state == "failed"))')
        AND (NOT $10::bool OR m.text ~* 'https?://[^[:space:]]' OR m.more @? '$.cards[*] ? (@.url != "")')
        AND m.at >= coalesce($11::timestamptz, '-infinity') AND m.at < coalesce($12::timestamptz, 'infinity')
    ORDER BY m.id DESC LIMIT $5
) m
ORDER BY m.id DESC LIMIT $5

-- name: rooms_of
-- Read the room list of an account, with what it has not read (counted as in read_mark).
SELECT r.id, r.seq, r.kind, r.name, r.topic, r.settings, r.created_at, r.archived_at, me.role,
       coalesce(k.seq, 0) AS read_seq, u.unread, u.mentions,
       r.kind = 'direct' AND EXISTS (SELECT FROM members a WHERE a.room_id = r.id AND a.kind = 'ai') AS has_ai,
       (SELECT CASE count(*) WHEN 1 THEN min(a.account_id) END FROM members a
        WHERE r.kind = 'direct' AND a.room_id = r.id AND a.account_id <> $1) AS facing,
       ARRAY(SELECT t.open_state::text FROM turns t WHERE t.room_id = r.id AND t.ended_at IS NULL) AS turns
FROM members me
JOIN rooms r ON r.id = me.room_id AND r.deleted_at IS NULL
LEFT JOIN read_marks k ON k.room_id = r.id AND k.account_id = $1
CROSS JOIN LATERAL (
    SELECT count(*) AS unread,
           count(*) FILTER (WHERE $1 = ANY(n.mentions) OR n.mention_groups && ARRAY['all', 'here', me.role]) AS mentions
    FROM (
        SELECT m.mentions, m.mention_groups FROM messages m
        WHERE m.room_id = r.id AND m.seq > greatest(k.seq, me.joined_seq) AND m.author_id <> $1
            AND m.deleted_at IS NULL
        ORDER BY m.seq DESC LIMIT $2
    ) n
) u
WHERE me.account_id = $1
ORDER BY r.name, r.id

-- name: seqs_of_members
-- Read where the rooms of some accounts stand.
SELECT r.id, r.seq FROM rooms r
WHERE r.deleted_at IS NULL AND r.id IN (SELECT m.room_id FROM members m WHERE m.account_id = ANY($1::text[]))

-- name: has_rooms
-- Tell whether there ever was a room.
SELECT EXISTS (SELECT FROM rooms) AS has_rooms

-- name: rooms_named
-- Find rooms by name.
SELECT id FROM rooms WHERE name = $1 AND deleted_at IS NULL ORDER BY id

-- name: read_mark
-- Read how far an account has read, and count the newest messages since (and since it joined) that are not its own.
SELECT coalesce(k.seq, 0) AS read_seq, u.unread, u.mentions
FROM (SELECT 1) AS one
LEFT JOIN read_marks k ON k.room_id = $1 AND k.account_id = $2
LEFT JOIN members me ON me.room_id = $1 AND me.account_id = $2
CROSS JOIN LATERAL (
    SELECT count(*) AS unread,
           count(*) FILTER (WHERE $2 = ANY(n.mentions) OR n.mention_groups && ARRAY['all', 'here', me.role]) AS mentions
    FROM (
        SELECT m.mentions, m.mention_groups FROM messages m
        WHERE m.room_id = $1 AND m.seq > coalesce(greatest(k.seq, me.joined_seq), 0) AND m.author_id <> $2
            AND m.deleted_at IS NULL
        ORDER BY m.seq DESC LIMIT $3
    ) n
) u

-- name: read_marks
-- The same for several members at once.
SELECT me.account_id, coalesce(k.seq, 0) AS read_seq, u.unread, u.mentions
FROM members me
LEFT JOIN read_marks k ON k.room_id = me.room_id AND k.account_id = me.account_id
CROSS JOIN LATERAL (
    SELECT count(*) AS unread,
           count(*) FILTER (
               WHERE me.account_id = ANY(n.mentions) OR n.mention_groups && ARRAY['all', 'here', me.role]) AS mentions
    FROM (
        SELECT m.mentions, m.mention_groups FROM messages m
        WHERE m.room_id = me.room_id AND m.seq > greatest(k.seq, me.joined_seq) AND m.author_id <> me.account_id
            AND m.deleted_at IS NULL
        ORDER BY m.seq DESC LIMIT $3
    ) n
) u
WHERE me.room_id = $1 AND me.account_id = ANY($2::text[])

-- name: room_number
-- Read the number of a room.
SELECT number FROM rooms WHERE id = $1

-- name: mark_read
-- Move a mark forward, at most to where the room stands.
INSERT INTO read_marks AS k (room_id, account_id, seq)
SELECT r.id, $2, least($3, r.seq) FROM rooms r WHERE r.id = $1 AND least($3, r.seq) > 0
ON CONFLICT (room_id, account_id) DO UPDATE SET seq = excluded.seq WHERE k.seq < excluded.seq
RETURNING k.seq
