-- What was asked beside messages goes with its answer also where that was asked for once more, and nothing came of it.

-- Such a request repeats the words of the first one: it is a further line of the answer in whose place it asks.
INSERT INTO further_lines (room_id, message_id, seq)
SELECT e.room_id, e.body::json ->> 'replaces', e.seq
FROM events e
WHERE e.type = 'turn_requested' AND position('"replaces":"' IN e.body) > 0 AND e.body::json ->> 'note' <> ''
ON CONFLICT DO NOTHING;

-- Those whose answer is deleted by now.
UPDATE events e SET body = (e.body::jsonb || '{"note": "", "is_redacted": true}')::text
FROM further_lines f JOIN messages m ON m.room_id = f.room_id AND m.id = f.message_id AND m.deleted_at IS NOT NULL
WHERE e.room_id = f.room_id AND e.seq = f.seq AND e.type = 'turn_requested'
    AND position('"replaces":"' IN e.body) > 0 AND e.body::json ->> 'replaces' = f.message_id;
DELETE FROM further_lines f USING messages m
WHERE m.room_id = f.room_id AND m.id = f.message_id AND m.deleted_at IS NOT NULL;
UPDATE turns t SET last_state = jsonb_set(t.last_state, '{note}', '""')
FROM messages m
WHERE t.last_state ->> 'note' <> '' AND m.room_id = t.room_id AND m.id = t.last_state ->> 'replaces'
    AND m.deleted_at IS NOT NULL;
