-- Hooks of rules as they were made, notes that go with answers, and the ends of turns from before they were kept.

-- The key of the rule as it was when the hook was made: a rule made anew under the same id has another one. Null for a
-- rule from before rules had keys.
ALTER TABLE hooks ADD COLUMN rule_key text;

-- In which lines of the log it stands what a turn was asked beside messages (by a schedule, a webhook, a form), until
-- its answer is deleted.
CREATE TABLE turn_notes (
    turn_id text COLLATE "C" NOT NULL,
    room_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (turn_id, room_id, seq)
);
INSERT INTO turn_notes (turn_id, room_id, seq)
SELECT e.body::json ->> 'turn_id', e.room_id, e.seq
FROM events e
WHERE e.type IN ('turn_requested', 'turn_collected', 'turn_steered') AND (e.body::json -> 'note')::text <> '""';

-- Turns that ended before 0002: by their last events.
UPDATE turns t SET
    ended_seq = e.seq,
    message_id = coalesce(t.message_id, e.body::json ->> 'message_id'),
    end_reason = coalesce(nullif(t.end_reason, ''), e.body::json ->> 'reason', '')
FROM events e
WHERE t.ended_at IS NOT NULL AND t.ended_seq IS NULL
    AND e.room_id = t.room_id AND e.seq > t.requested_seq AND e.type = 'turn_ended'
    AND e.body::json ->> 'turn_id' = t.id;
