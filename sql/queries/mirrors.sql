-- Heads of workspaces that are mirrored to the file store.

-- name: mirror_head
-- Read which tree of a room's workspace is whole in the store.
SELECT room_id, version, tree, pod, at, files, bytes, conflicts, sweep, sweeping_until
FROM workspace_mirrors WHERE room_id = $1

-- name: open_mirror
-- Make the row of a room that is there, before its first object is put.
INSERT INTO workspace_mirrors (room_id, pod, at, swept_at)
SELECT id, $2, $3, $3 FROM rooms WHERE id = $1 AND deleted_at IS NULL
ON CONFLICT DO NOTHING

-- name: head_of_room_that_is_there
-- Read the row of a room that is not deleted.
SELECT m.room_id, m.version, m.tree, m.pod, m.at, m.files, m.bytes, m.conflicts, m.sweep, m.sweeping_until
FROM workspace_mirrors m JOIN rooms r ON r.id = m.room_id WHERE m.room_id = $1 AND r.deleted_at IS NULL

-- name: put_mirror_head
-- Name a new tree, over the version and the sweep that were read, while no sweep runs.
UPDATE workspace_mirrors m
SET version = m.version + 1, tree = $2, pod = $3, at = $4, files = $5, bytes = $6, conflicts = $7::text[]
FROM rooms r
WHERE m.room_id = $1 AND m.version = $8 AND m.sweep = $9 AND (m.sweeping_until IS NULL OR m.sweeping_until <= $4)
  AND r.id = m.room_id AND r.deleted_at IS NULL
RETURNING m.version

-- name: begin_mirror_sweep
-- Let one pod remove objects that the tree does not need.
UPDATE workspace_mirrors m
SET sweep = m.sweep + 1, sweeping_until = $3, swept_at = $2
FROM rooms r
WHERE m.room_id = $1 AND m.swept_at < $4 AND (m.sweeping_until IS NULL OR m.sweeping_until <= $2)
  AND r.id = m.room_id AND r.deleted_at IS NULL
RETURNING m.room_id, m.version, m.tree, m.pod, m.at, m.files, m.bytes, m.conflicts, m.sweep, m.sweeping_until

-- name: end_mirror_sweep
-- Let new trees be named again. What did not come to its end is due before long.
UPDATE workspace_mirrors SET sweeping_until = NULL, swept_at = COALESCE($3::timestamptz, swept_at)
WHERE room_id = $1 AND sweep = $2

-- name: mirrors_to_sweep
-- Find rooms that may have objects which nothing needs any more, those that wait longest first.
SELECT m.room_id FROM workspace_mirrors m JOIN rooms r ON r.id = m.room_id AND r.deleted_at IS NULL
WHERE m.swept_at < $1 AND m.at > m.swept_at - interval '2 days'
ORDER BY m.swept_at, m.room_id LIMIT $2

-- name: mirrors_of_deleted_rooms
-- Find deleted rooms that may have objects left.
SELECT m.room_id FROM workspace_mirrors m JOIN rooms r ON r.id = m.room_id AND r.deleted_at IS NOT NULL
ORDER BY m.room_id LIMIT $1

-- name: drop_mirror
-- Forget the row of a deleted room.
DELETE FROM workspace_mirrors m USING rooms r
WHERE m.room_id = $1 AND r.id = m.room_id AND r.deleted_at IS NOT NULL
RETURNING m.room_id
