-- One charge, one statement after another: what an application does that charges one request at a time.
-- The answers of the reads are the parameters of the writes.
\set number random(:first, :last)
\set digits random(1, 9000000000000000000)
\set input_tokens random(1000, 3999)
\set output_tokens random(100, 999)
\set quantity :input_tokens + :output_tokens
\set charge :quantity * 2.0 / 1000000
BEGIN;
SELECT customer_id, currency, balance, deficit, held, last_seq
FROM ledger_balance
WHERE merchant_id = :merchant::uuid AND customer_id = (:head || lpad(to_hex(:number::bigint), 12, '0'))::uuid
FOR UPDATE \gset
SELECT id AS grant_id, remaining, expires_at, origin, created_at
FROM ledger_grant
WHERE merchant_id = :merchant::uuid AND customer_id = :customer_id::uuid AND spent_at IS NULL AND remaining > 0 \gset
SELECT y.id AS cycle_id, s.plan_id, y.starts_at, y.ends_at, c.reference_id, coalesce(k.quantity, 0) AS used_before
FROM subscriptions_cycle y
JOIN subscriptions_subscription s ON s.merchant_id = y.merchant_id AND s.id = y.subscription_id
JOIN customers_customer c ON c.merchant_id = y.merchant_id AND c.id = y.customer_id
LEFT JOIN requests_metercounter k ON k.merchant_id = y.merchant_id AND k.customer_id = y.customer_id
    AND k.meter_id = :meter::uuid AND k.cycle_id = y.id
WHERE y.merchant_id = :merchant::uuid AND y.customer_id = :customer_id::uuid AND y.closed_at IS NULL \gset
SELECT r.*, m.rate_type, m.tier_type
FROM requests_meteredrequest r JOIN meters_meter m ON m.merchant_id = r.merchant_id AND m.id = r.meter_id
WHERE r.merchant_id = :merchant::uuid
    AND r.request_id = lpad(to_hex(:digits::bigint), 16, '0') || '-charged-by-pgbench.';
INSERT INTO requests_meteredrequest (id, merchant_id, customer_id, request_id, meter_id, rate_id, cycle_id, status,
    provider, provider_key_type, model, endpoint, response_id, input_tokens, output_tokens, input_characters,
    output_characters, input_seconds, output_seconds, currency, charge, used_before, quantity, breakdown,
    balance_before, balance_after, first_entry_seq, entry_count, metadata, created_at)
VALUES (uuidv7(), :merchant::uuid, :customer_id::uuid,
    lpad(to_hex(:digits::bigint), 16, '0') || '-charged-by-pgbench.', :meter::uuid, :rate::uuid, :cycle_id::uuid,
    'completed', '', 'unmanaged', '', '', '', :input_tokens::bigint, :output_tokens::bigint, 0, 0, 0, 0,
    :currency::text, :charge::numeric, :used_before::numeric, :quantity::numeric,
    ('[{"start": "0", "rate": "2", "quantity": "' || :quantity || '", "amount": "' || :charge || '"}]')::jsonb,
    :balance::numeric, :balance::numeric - :charge::numeric, :last_seq::bigint + 1, 1, '{"feature": "chat"}', now())
RETURNING id AS source_id \gset
INSERT INTO ledger_ledgerentry (id, merchant_id, customer_id, currency, seq, kind, amount, grant_id, balance_after,
    source_id, idempotency_key, created_at, actor, reason)
VALUES (uuidv7(), :merchant::uuid, :customer_id::uuid, :currency::text, :last_seq::bigint + 1, 'usage',
    -:charge::numeric, :grant_id::uuid, :balance::numeric - :charge::numeric, :source_id::uuid,
    'request:' || left(:source_id, 26) || '/0', now(), 'system', '');
UPDATE ledger_grant SET remaining = :remaining::numeric - :charge::numeric
WHERE merchant_id = :merchant::uuid AND id = :grant_id::uuid;
UPDATE ledger_balance SET balance = :balance::numeric - :charge::numeric, last_seq = :last_seq::bigint + 1
WHERE merchant_id = :merchant::uuid AND customer_id = :customer_id::uuid;
INSERT INTO requests_metercounter (merchant_id, customer_id, meter_id, cycle_id, quantity)
VALUES (:merchant::uuid, :customer_id::uuid, :meter::uuid, :cycle_id::uuid, :used_before::numeric + :quantity::numeric)
ON CONFLICT (merchant_id, customer_id, meter_id, cycle_id) DO UPDATE SET quantity = excluded.quantity;
INSERT INTO requests_hourlyrollup AS old (merchant_id, customer_id, hour_at, meter_id, provider, model,
    requests, requests_without_cost, tokens, characters, seconds, cost, charge)
VALUES (:merchant::uuid, :customer_id::uuid, date_trunc('hour', now(), 'UTC'), :meter::uuid, '', '',
    1, 1, :quantity::bigint, 0, 0, 0, :charge::numeric)
ON CONFLICT (merchant_id, customer_id, hour_at, meter_id, provider, model) DO UPDATE SET
    requests = old.requests + excluded.requests,
    requests_without_cost = old.requests_without_cost + excluded.requests_without_cost,
    tokens = old.tokens + excluded.tokens, characters = old.characters + excluded.characters,
    seconds = old.seconds + excluded.seconds, cost = old.cost + excluded.cost, charge = old.charge + excluded.charge;
COMMIT;
