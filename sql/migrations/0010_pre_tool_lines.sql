-- What AIs' tools were told and brought goes with the messages that it came of, or that it quotes.

-- Lines of the log that hold arguments or a result of a tool call. When the words go, so does the row.
CREATE TABLE tool_lines (
    room_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    turn_id text COLLATE "C" NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (room_id, seq)
);
CREATE INDEX tool_lines_of_turn ON tool_lines (room_id, turn_id, call_id);
INSERT INTO tool_lines (room_id, seq, turn_id, call_id)
SELECT e.room_id, e.seq, e.body::json ->> 'turn_id', e.body::json ->> 'call_id'
FROM events e
WHERE (e.type = 'tool_called' AND e.body::json ->> 'arguments' NOT IN ('', '{}'))
    OR (e.type = 'tool_finished' AND e.body::json ->> 'text' <> '');

-- The calls of a turn stand in the log. At its end the turn need not repeat what the unfinished ones were told.
UPDATE turns SET last_state = jsonb_set(last_state, '{calls}', '[]') WHERE last_state -> 'calls' <> '[]';
