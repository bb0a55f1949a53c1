-- Who is at a turn now, and its running words.

-- name: hold_turn
-- Take or renew the lease. Of two pods under one fence the first keeps it.
UPDATE turns SET fence = $2, pod = $3, lease_until = clock_timestamp() + make_interval(secs => $4),
    touched_at = clock_timestamp()
WHERE id = $1 AND ended_at IS NULL AND (fence < $2 OR (fence = $2 AND (pod IS NULL OR pod = $3)))
RETURNING id

-- name: checkpoint_turn
-- Keep the words and cards so far.
UPDATE turns SET text = $3, cards = $4::text::jsonb WHERE id = $1 AND ended_at IS NULL AND fence <= $2 RETURNING id

-- name: save_manifest
-- Keep what the turn's context was made of.
UPDATE turns SET manifest = $3 WHERE id = $1 AND ended_at IS NULL AND fence <= $2 RETURNING id

-- name: waiting_turns
-- Find turns that nobody claimed in time, and those whose lease has run out, oldest first. One that was not begun
-- cannot be claimed while its AI is at another one of the room: that one is found in its place, if nobody holds it.
SELECT t.room_id, t.id, t.ai_id, t.fence, t.text, t.cards::text AS cards
FROM turns t JOIN rooms r ON r.id = t.room_id AND r.deleted_at IS NULL
WHERE t.ended_at IS NULL
    AND coalesce(t.lease_until, t.touched_at + make_interval(secs => $1)) <= clock_timestamp()
    AND NOT (t.state = 'requested' AND EXISTS (
        SELECT FROM turns b
        WHERE b.room_id = t.room_id AND b.ended_at IS NULL AND b.ai_id = t.ai_id AND b.state = 'running'))
ORDER BY t.touched_at, t.id LIMIT $2

-- name: turn
-- Read what is kept of a turn.
SELECT t.room_id, t.id, t.ai_id, t.state, t.fence, t.text, t.cards::text AS cards, t.manifest, t.requested_at,
       t.requested_seq, t.ended_at, t.ended_seq, t.end_reason, t.message_id,
       coalesce(t.open_state, t.last_state)::text AS turn, u.model, u.tokens_in, u.tokens_cached, u.tokens_out,
       u.cost_micros, u.is_estimated, u.price_version, u.calls
FROM turns t LEFT JOIN usage u ON u.turn_id = t.id
WHERE t.id = $2 AND t.room_id = $1

-- name: turns_of_room
-- Page backwards through a room's turns, by when they were asked for.
SELECT t.room_id, t.id, t.ai_id, t.state, t.fence, t.text, t.cards::text AS cards, NULL AS manifest, t.requested_at,
       t.requested_seq, t.ended_at, t.ended_seq, t.end_reason, t.message_id,
       coalesce(t.open_state, t.last_state)::text AS turn, u.model, u.tokens_in, u.tokens_cached, u.tokens_out,
       u.cost_micros, u.is_estimated, u.price_version, u.calls
FROM turns t LEFT JOIN usage u ON u.turn_id = t.id
WHERE t.room_id = $1 AND t.requested_seq < coalesce($2, 9223372036854775807)
ORDER BY t.requested_seq DESC LIMIT $3
