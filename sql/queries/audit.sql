-- The audit trail: one hash chain per room and one for the server.

-- name: room_audit_heads
-- Read and lock the ends of rooms' chains.
SELECT id AS chain, audit_length, audit_head FROM rooms WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE

-- name: server_audit_head
-- Read and lock the end of the server's chain.
SELECT audit_length, audit_head FROM server_state FOR UPDATE

-- name: put_audit
-- Write links of chains.
INSERT INTO audit (chain, number, at, actor_id, origin, action, subject, before, after, hash)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::bytea[])

-- name: move_room_audit_heads
-- Keep the new ends of rooms' chains.
UPDATE rooms r SET audit_length = w.length, audit_head = w.head
FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS w(id, length, head)
WHERE r.id = w.id

-- name: move_server_audit_head
-- Keep the new end of the server's chain.
UPDATE server_state SET audit_length = $1, audit_head = $2

-- name: audit_head_kept
-- Read the end of a chain as its room, or the server, keeps it.
SELECT audit_length, audit_head FROM rooms WHERE id = $1
UNION ALL
SELECT audit_length, audit_head FROM server_state WHERE $1 = 'server'

-- name: audit_after
-- Page through a chain in order.
SELECT number, at, actor_id, origin, action, subject, before, after, hash
FROM audit WHERE chain = $1 AND number > $2 ORDER BY number LIMIT $3
