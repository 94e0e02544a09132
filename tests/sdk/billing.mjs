// The main job, as an application written with the public SDK does it. Prints what it saw as JSON; the test beside it
// compares that with the books. Arguments: base URL, secret key.
import assert from 'node:assert/strict';
import { Lava } from '@lavapayments/nodejs';

const [baseUrl, secretKey] = process.argv.slice(2);
const lava = new Lava(secretKey, { baseUrl });

const REQUESTS = 300;
const AT_ONCE = 20;

const meter = await lava.meters.create({
  name: 'Chat',
  meter_slug: 'chat',
  rate_type: 'fixed',
  tier_type: 'tokens_1m',
  tiers: [
    { start: '0', rate: '2' },
    { start: '100000', rate: '1.5' },
  ],
});

const plan = await lava.subscriptions.createPlan({
  name: 'Trial',
  period_amount: '0',
  billing_interval: 'month',
  rollover_type: 'full',
  included_credit: '5.00',
  meter_ids: [meter.meter_id],
  credit_bundles: [{ name: 'Ten', cost: '10.00', credit_amount: '12.00' }],
});
assert.equal(plan.linked_meters[0].meter_id, meter.meter_id);
assert.equal(plan.credit_bundles.length, 1);

const customer = await lava.customers.create({ reference_id: 'user-42', name: 'Ada Lovelace', email: 'ada@example.org' });
const again = await lava.customers.create({ reference_id: 'user-42', name: 'Ada Lovelace' });
assert.equal(again.customer_id, customer.customer_id);
assert.equal(customer.contact.first_name, 'Ada');

await lava.subscriptions.create({ customer_id: 'user-42', plan_id: plan.plan_id });

// Every seventh is sent twice, at the same moment: it must count once.
const usage = Array.from({ length: REQUESTS }, (_, n) => ({
  request_id: `story-${n}`,
  customer_id: n % 2 ? customer.customer_id : 'user-42',
  meter_slug: 'chat',
  input_tokens: 500 + n,
  output_tokens: 100 + (n % 13),
  metadata: { feature: n % 3 ? 'chat' : 'search' },
}));
const posts = usage.flatMap((body, n) => (n % 7 ? [body] : [body, body]));
const answers = new Map();
for (let n = 0; n < posts.length; n += AT_ONCE) {
  const answered = await Promise.all(posts.slice(n, n + AT_ONCE).map((body) => lava.requests.create(body)));
  for (const request of answered) {
    const earlier = answers.get(request.request_id);
    if (earlier) assert.deepEqual(request, earlier);
    answers.set(request.request_id, request);
  }
}
assert.equal(answers.size, REQUESTS);

// Through the cursor, newest first, each once.
const listed = [];
for (let cursor; ; ) {
  const page = await lava.requests.list({ limit: 100, cursor, customer_id: customer.customer_id });
  listed.push(...page.data);
  if (!page.has_more) break;
  cursor = page.next_cursor;
}
assert.equal(new Set(listed.map((request) => request.request_id)).size, REQUESTS);
assert.equal(listed.length, REQUESTS);
for (const request of listed) assert.deepEqual(request, answers.get(request.request_id));

const one = await lava.requests.retrieve('story-0');
assert.deepEqual(one, answers.get('story-0'));

const { subscription } = await lava.customers.getSubscription(customer.customer_id);
const today = `${new Date(Date.now() - 24 * 3600 * 1000).toISOString().slice(0, 10)}T00:00:00Z`;
const report = await lava.usage.retrieve({ start: today, customer_id: customer.customer_id });
const filtered = await lava.usage.retrieve({ start: today, metadata_filters: { feature: 'search' } });
assert.equal(filtered.totals.total_requests, REQUESTS / 3);

// Money is text with ten places; as whole numbers of 1e-10 it adds up exactly.
const exact = (amount) => BigInt(amount.replace('.', ''));
const charged = listed.reduce((sum, request) => sum + exact(request.charge.amount), 0n);
assert.equal(exact(report.totals.total_charge), charged);
assert.equal(exact('5.0000000000') - exact(subscription.credits.total_remaining), charged);
assert.equal(report.totals.total_requests, REQUESTS);

console.log(
  JSON.stringify({
    customer_id: customer.customer_id,
    requests: listed.length,
    tokens: report.totals.total_usage_tokens,
    charged: report.totals.total_charge,
    remaining: subscription.credits.total_remaining,
    bundle: plan.credit_bundles[0].credit_bundle_id,
  }),
);
