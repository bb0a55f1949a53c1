-- Model calls and what of each budget is spent. Whoever moves rows of `spending` locks all of them first, in the order
-- of their key; rows of `ledger` are locked before those. So nobody waits in a ring.

-- name: reserve_charge
-- Reserve a call within its caps, all or nothing: lock its rows of spending, look at the caps, then move and write.
WITH locked AS MATERIALIZED (
    SELECT s.scope, s.scope_id, s.period, s.tokens, s.micros
    FROM spending s JOIN spending_keys($2, $3, $8, $9) k USING (scope, scope_id, period)
    ORDER BY s.scope, s.scope_id, s.period FOR UPDATE OF s
), breached AS (
    SELECT c.number, CASE c.unit WHEN 'tokens' THEN l.tokens ELSE l.micros END AS used
    FROM unnest($15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[])
            WITH ORDINALITY AS c (scope, scope_id, period, unit, most, number)
        JOIN locked l USING (scope, scope_id, period)
    WHERE CASE c.unit WHEN 'tokens' THEN l.tokens + $10::bigint + $11::bigint
          ELSE l.micros + coalesce($12::bigint, 0) END > c.most
), answer AS MATERIALIZED (
    SELECT (SELECT count(*) FROM locked) = (SELECT count(*) FROM spending_keys($2, $3, $8, $9)) AS is_open,
        EXISTS (SELECT FROM ledger WHERE id = $1) AS is_known,
        array(SELECT number FROM breached ORDER BY number) AS broken,
        array(SELECT used FROM breached ORDER BY number) AS used
), moved AS (
    UPDATE spending s SET tokens = l.tokens + $10 + $11, micros = l.micros + coalesce($12, 0)
    FROM locked l, answer a
    WHERE s.scope = l.scope AND s.scope_id = l.scope_id AND s.period = l.period
        AND a.is_open AND NOT a.is_known AND a.broken = '{}'
), written AS (
    INSERT INTO ledger (id, room_id, asker_id, ai_id, turn_id, kind, at, day, month, state, model, price_version,
                        reserved_in, reserved_out, reserved_micros)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 'reserved', $13, $14, $10, $11, $12
    FROM answer a WHERE a.is_open AND NOT a.is_known AND a.broken = '{}'
)
SELECT is_open, is_known, broken, used FROM answer

-- name: open_spending
-- Make the rows of spending that a call counts in, where they are missing: the first call of a day, room or asker.
INSERT INTO spending (scope, scope_id, period)
SELECT k.scope, k.scope_id, k.period FROM spending_keys($1, $2, $3, $4) k
ORDER BY k.scope COLLATE "C", k.scope_id COLLATE "C", k.period COLLATE "C"
ON CONFLICT DO NOTHING

-- name: close_charge
-- End a reservation with what was used (nothing, if it is given back), and move spending by the difference.
WITH charge AS MATERIALIZED (
    SELECT * FROM ledger WHERE id = $1 AND state = 'reserved' FOR UPDATE
), locked AS MATERIALIZED (
    SELECT s.scope, s.scope_id, s.period,
        s.tokens + $3::bigint + $5::bigint - c.reserved_in - c.reserved_out AS tokens,
        s.micros + coalesce($6::bigint, 0) - coalesce(c.reserved_micros, 0) AS micros
    FROM charge c CROSS JOIN LATERAL spending_keys(c.room_id, c.asker_id, c.day, c.month) k
        JOIN spending s USING (scope, scope_id, period)
    ORDER BY s.scope, s.scope_id, s.period FOR UPDATE OF s
), moved AS (
    UPDATE spending s SET tokens = l.tokens, micros = l.micros
    FROM locked l WHERE s.scope = l.scope AND s.scope_id = l.scope_id AND s.period = l.period
)
UPDATE ledger SET state = $2, tokens_in = $3, tokens_cached = $4, tokens_out = $5, cost_micros = $6, is_estimated = $7,
    model = coalesce($8, ledger.model), price_version = coalesce($9, ledger.price_version)
FROM charge WHERE ledger.id = charge.id
RETURNING ledger.id

-- name: settle_as_reserved
-- Settle the open reservations of a turn, or those of the given ids, at what was reserved: spending stays as it is.
WITH charge AS MATERIALIZED (
    SELECT id FROM ledger WHERE state = 'reserved' AND (turn_id = $1 OR id = ANY($2::text[])) ORDER BY id FOR UPDATE
)
UPDATE ledger SET state = 'settled', tokens_in = reserved_in, tokens_out = reserved_out, cost_micros = reserved_micros,
    is_estimated = true
FROM charge WHERE ledger.id = charge.id
RETURNING ledger.id

-- name: charges_left_open
-- Find old reservations that nobody will settle: their turn has ended or went with its room, or there is none.
SELECT l.id
FROM ledger l LEFT JOIN turns t ON t.id = l.turn_id LEFT JOIN rooms r ON r.id = l.room_id
WHERE l.state = 'reserved' AND l.at <= $1 AND (t.id IS NULL OR t.ended_at IS NOT NULL OR r.deleted_at IS NOT NULL)
ORDER BY l.at, l.id LIMIT $2

-- name: spent
-- Read what is settled and reserved of the given scopes in the given periods.
SELECT s.scope, s.scope_id, s.period, s.tokens, s.micros
FROM spending s JOIN unnest($1::text[], $2::text[]) AS w (scope, scope_id) USING (scope, scope_id)
WHERE s.period = ANY($3::text[])

-- name: usage_report
-- Sum up settled calls under one heading: days in order, else the most used first.
SELECT key, count(*) AS calls, sum(tokens_in)::bigint AS tokens_in, sum(tokens_cached)::bigint AS tokens_cached,
    sum(tokens_out)::bigint AS tokens_out, coalesce(sum(cost_micros), 0)::bigint AS cost_micros,
    count(*) FILTER (WHERE cost_micros IS NULL) AS unpriced_calls, sum(over)::bigint AS tokens_over
FROM (
    SELECT CASE $4::text WHEN 'room' THEN room_id WHEN 'asker' THEN coalesce(asker_id, '') WHEN 'ai' THEN ai_id
               WHEN 'model' THEN model ELSE day END COLLATE "C" AS key,
        tokens_in, tokens_cached, tokens_out, cost_micros,
        greatest(0, tokens_in + tokens_out - reserved_in - reserved_out) AS over
    FROM ledger
    WHERE state = 'settled' AND at >= $1 AND at < $2 AND ($3::text IS NULL OR room_id = $3)
) AS calls
GROUP BY key
ORDER BY CASE WHEN $4 = 'day' THEN 0 ELSE -sum(tokens_in + tokens_out) END, key

-- name: costs_of_turns
-- Sum up what turns of a room have settled; null where nobody knows the price of a call. By time, for the index has it.
SELECT turn_id, CASE WHEN count(cost_micros) = count(*) THEN sum(cost_micros)::bigint END AS micros,
    (array_agg(price_version ORDER BY at DESC, id DESC))[1] AS price_version
FROM ledger
WHERE state = 'settled' AND room_id = $1 AND turn_id = ANY($2::text[]) AND at >= $3 AND at <= $4
GROUP BY turn_id
