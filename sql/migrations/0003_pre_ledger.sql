-- The ledger of model calls, and what of each budget is spent: so that no number of calls at once passes a cap.

-- One row for each model call. `day` and `month` are those of UTC at which it was reserved, and stay. `asker_id` is null
-- where nobody asked. `cost_micros` of a settled call is null when nobody knows the price.
CREATE TABLE ledger (
    id text COLLATE "C" PRIMARY KEY,
    room_id text COLLATE "C" NOT NULL,
    asker_id text COLLATE "C",
    ai_id text COLLATE "C" NOT NULL,
    turn_id text COLLATE "C",
    kind text NOT NULL CHECK (kind IN ('turn', 'summary', 'catch_up')),
    at timestamptz NOT NULL,
    day text COLLATE "C" NOT NULL,
    month text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('reserved', 'settled', 'released')),
    model text NOT NULL,
    price_version text NOT NULL,
    reserved_in bigint NOT NULL,
    reserved_out bigint NOT NULL,
    reserved_micros bigint,
    tokens_in bigint NOT NULL DEFAULT 0,
    tokens_cached bigint NOT NULL DEFAULT 0,
    tokens_out bigint NOT NULL DEFAULT 0,
    cost_micros bigint,
    is_estimated boolean NOT NULL DEFAULT false
);
CREATE INDEX ledger_by_time ON ledger (at);
CREATE INDEX ledger_of_room ON ledger (room_id, at);
CREATE INDEX ledger_open_of_turn ON ledger (turn_id) WHERE state = 'reserved';
CREATE INDEX ledger_open ON ledger (at) WHERE state = 'reserved';

-- What is settled and what is still reserved, together. `period` is like 2026-11-21 or 2026-11. Every call moves these
-- rows, so there is room to spare in each page.
CREATE TABLE spending (
    scope text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    tokens bigint NOT NULL DEFAULT 0 CHECK (tokens >= 0),
    micros bigint NOT NULL DEFAULT 0 CHECK (micros >= 0),
    PRIMARY KEY (scope, scope_id, period)
) WITH (fillfactor = 50);

-- The rows of `spending` in which a call counts.
CREATE FUNCTION spending_keys(room_id text, asker_id text, day text, month text)
RETURNS TABLE (scope text, scope_id text, period text) LANGUAGE sql IMMUTABLE AS $$
    SELECT s.scope, s.scope_id, p.period
    FROM (VALUES ('server', ''), ('asker', asker_id), ('room', room_id), ('room_asker', room_id || '/' || asker_id))
            AS s (scope, scope_id),
        (VALUES (day), (month)) AS p (period)
    WHERE s.scope_id IS NOT NULL
$$;

-- What turns used before there was a ledger, one row a turn, for its first asker.
INSERT INTO ledger (id, room_id, asker_id, ai_id, turn_id, kind, at, day, month, state, model, price_version,
                    reserved_in, reserved_out, reserved_micros, tokens_in, tokens_cached, tokens_out, cost_micros,
                    is_estimated)
SELECT turn_id, room_id, askers[1], ai_id, turn_id, 'turn', at, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
    to_char(at AT TIME ZONE 'UTC', 'YYYY-MM'), 'settled', model, '', greatest(tokens_in, 0), greatest(tokens_out, 0),
    cost_micros, greatest(tokens_in, 0), greatest(tokens_cached, 0), greatest(tokens_out, 0),
    cost_micros, is_estimated
FROM usage;

INSERT INTO spending (scope, scope_id, period, tokens, micros)
SELECT k.scope, k.scope_id, k.period, sum(l.tokens_in + l.tokens_out), sum(coalesce(l.cost_micros, 0))
FROM ledger l CROSS JOIN LATERAL spending_keys(l.room_id, l.asker_id, l.day, l.month) k
GROUP BY k.scope, k.scope_id, k.period;
