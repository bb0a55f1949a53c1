-- Who is at a turn now, and its running words.

-- name: hold_turn
-- Take or renew the lease. Of two pods under one fence the first keeps it.
UPDATE turns SET fence = $2, pod = $3, lease_until = clock_timestamp() + make_interval(secs => $4),
    touched_at = clock_timestamp()
WHERE id = $1 AND ended_at IS NULL AND (fence < $2 OR (fence = $2 AND (pod IS NULL OR pod = $3)))
RETURNING id

-- name: checkpoint_turn
-- Keep the words so far.
UPDATE turns SET text = $3 WHERE id = $1 AND ended_at IS NULL AND fence <= $2 RETURNING id

-- name: save_manifest
-- Keep what the turn's context was made of.
UPDATE turns SET manifest = $3 WHERE id = $1 AND ended_at IS NULL AND fence <= $2 RETURNING id

-- name: waiting_turns
-- Find turns that nobody claimed in time, and those whose lease has run out, oldest first.
SELECT t.room_id, t.id, t.ai_id, t.fence, t.text
FROM turns t JOIN rooms r ON r.id = t.room_id AND r.deleted_at IS NULL
WHERE t.ended_at IS NULL
    AND coalesce(t.lease_until, t.touched_at + make_interval(secs => $1)) <= clock_timestamp()
ORDER BY t.touched_at, t.id LIMIT $2

-- name: turn
-- Read what is kept of a turn.
SELECT room_id, id, ai_id, state, fence, text, manifest, requested_at, ended_at FROM turns WHERE id = $2 AND room_id = $1
