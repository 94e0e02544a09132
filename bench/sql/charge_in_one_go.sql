-- One charge in one round trip: all statements are sent before the first answer is read. No answer can then be
-- the parameter of a later statement, so every new value is computed in SQL, behind the lock that comes first.
\set number random(:first, :last)
\set digits random(1, 9000000000000000000)
\set input_tokens random(1000, 3999)
\set output_tokens random(100, 999)
\set quantity :input_tokens + :output_tokens
\set charge :quantity * 2.0 / 1000000
\startpipeline
BEGIN;
SELECT customer_id, currency, balance, deficit, held, last_seq
FROM ledger_balance
WHERE merchant_id = :merchant::uuid AND customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid
FOR UPDATE;
SELECT id, remaining, expires_at, origin, created_at
FROM ledger_grant
WHERE merchant_id = :merchant::uuid AND customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid
    AND spent_at IS NULL AND remaining > 0;
SELECT y.id, s.plan_id, y.starts_at, y.ends_at, c.reference_id, k.quantity
FROM subscriptions_cycle y
JOIN subscriptions_subscription s ON s.merchant_id = y.merchant_id AND s.id = y.subscription_id
JOIN customers_customer c ON c.merchant_id = y.merchant_id AND c.id = y.customer_id
LEFT JOIN requests_metercounter k ON k.merchant_id = y.merchant_id AND k.customer_id = y.customer_id
    AND k.meter_id = :meter::uuid AND k.cycle_id = y.id
WHERE y.merchant_id = :merchant::uuid
    AND y.customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid AND y.closed_at IS NULL;
SELECT r.*, m.rate_type, m.tier_type
FROM requests_meteredrequest r JOIN meters_meter m ON m.merchant_id = r.merchant_id AND m.id = r.meter_id
WHERE r.merchant_id = :merchant::uuid
    AND r.request_id = lpad(to_hex(:digits::bigint), 16, '0') || '-charged-by-pgbench.';
WITH request AS (
    INSERT INTO requests_meteredrequest (id, merchant_id, customer_id, request_id, meter_id, rate_id, cycle_id,
        status, provider, provider_key_type, model, endpoint, response_id, input_tokens, output_tokens,
        input_characters, output_characters, input_seconds, output_seconds, currency, charge, used_before, quantity,
        breakdown, balance_before, balance_after, first_entry_seq, entry_count, metadata, created_at)
    SELECT uuidv7(), b.merchant_id, b.customer_id,
        lpad(to_hex(:digits::bigint), 16, '0') || '-charged-by-pgbench.', :meter::uuid, :rate::uuid, y.id,
        'completed', '', 'unmanaged', '', '', '', :input_tokens::bigint, :output_tokens::bigint, 0, 0, 0, 0,
        b.currency, :charge::numeric, coalesce(k.quantity, 0), :quantity::numeric,
        ('[{"start": "0", "rate": "2", "quantity": "' || :quantity || '", "amount": "' || :charge || '"}]')::jsonb,
        b.balance, b.balance - :charge::numeric, b.last_seq + 1, 1, '{"feature": "chat"}', now()
    FROM ledger_balance b
    JOIN subscriptions_cycle y
        ON y.merchant_id = b.merchant_id AND y.customer_id = b.customer_id AND y.closed_at IS NULL
    LEFT JOIN requests_metercounter k ON k.merchant_id = b.merchant_id AND k.customer_id = b.customer_id
        AND k.meter_id = :meter::uuid AND k.cycle_id = y.id
    WHERE b.merchant_id = :merchant::uuid
        AND b.customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid
    RETURNING id, merchant_id, customer_id, currency, charge, balance_after, first_entry_seq, created_at
)
INSERT INTO ledger_ledgerentry (id, merchant_id, customer_id, currency, seq, kind, amount, grant_id, balance_after,
    source_id, idempotency_key, created_at, actor, reason)
SELECT uuidv7(), r.merchant_id, r.customer_id, r.currency, r.first_entry_seq, 'usage', -r.charge, g.id,
    r.balance_after, r.id, 'request:' || left(r.id::text, 26) || '/0', r.created_at, 'system', ''
FROM request r
JOIN ledger_grant g ON g.merchant_id = r.merchant_id AND g.customer_id = r.customer_id
    AND g.spent_at IS NULL AND g.remaining > 0;
UPDATE ledger_grant SET remaining = remaining - :charge::numeric
WHERE merchant_id = :merchant::uuid AND customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid
    AND spent_at IS NULL AND remaining > 0;
UPDATE ledger_balance SET balance = balance - :charge::numeric, last_seq = last_seq + 1
WHERE merchant_id = :merchant::uuid AND customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid;
INSERT INTO requests_metercounter AS old (merchant_id, customer_id, meter_id, cycle_id, quantity)
SELECT merchant_id, customer_id, :meter::uuid, id, :quantity::numeric
FROM subscriptions_cycle
WHERE merchant_id = :merchant::uuid AND customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid
    AND closed_at IS NULL
ON CONFLICT (merchant_id, customer_id, meter_id, cycle_id) DO UPDATE SET quantity = old.quantity + excluded.quantity;
INSERT INTO requests_hourlyrollup AS old (merchant_id, customer_id, hour_at, meter_id, provider, model,
    requests, requests_without_cost, tokens, characters, seconds, cost, charge)
VALUES (:merchant::uuid, (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid,
    date_trunc('hour', now(), 'UTC'), :meter::uuid, '', '', 1, 1, :quantity::bigint, 0, 0, 0, :charge::numeric)
ON CONFLICT (merchant_id, customer_id, hour_at, meter_id, provider, model) DO UPDATE SET
    requests = old.requests + excluded.requests,
    requests_without_cost = old.requests_without_cost + excluded.requests_without_cost,
    tokens = old.tokens + excluded.tokens, characters = old.characters + excluded.characters,
    seconds = old.seconds + excluded.seconds, cost = old.cost + excluded.cost, charge = old.charge + excluded.charge;
COMMIT;
\endpipeline
