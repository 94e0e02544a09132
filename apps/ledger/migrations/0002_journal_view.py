"""The double-entry journal, as a view: the books an accountant reads, derived from the entries.

Each entry becomes two lines that cancel: one on the liability `customer_credits`, one on the counter-account
of its kind. Amounts are signed as accountants do, debits positive and credits negative: credits given raise
what is owed to customers, so they stand on `customer_credits` with a minus. An entry of a kind not listed
here has a counter-account of NULL, which the audit reports (A16).
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_books")]

    operations = [
        migrations.RunSQL(
            """
            CREATE VIEW ledger_journal AS
            SELECT entry.merchant_id, entry.customer_id, entry.id AS entry_id, entry.seq, entry.kind,
                entry.created_at, entry.currency, line.account, line.amount
            FROM ledger_ledgerentry AS entry
            CROSS JOIN LATERAL (VALUES
                ('customer_credits', -entry.amount),
                (
                    CASE entry.kind
                        WHEN 'grant_cycle' THEN 'cash'
                        WHEN 'grant_bundle' THEN 'cash'
                        WHEN 'grant_overage' THEN 'cash'
                        WHEN 'grant_promotional' THEN 'promotional_expense'
                        WHEN 'deficit_paid' THEN 'transfers'
                        WHEN 'adjustment' THEN 'promotional_expense'
                        WHEN 'rollover_in' THEN 'transfers'
                        WHEN 'rollover_out' THEN 'transfers'
                        WHEN 'usage' THEN 'revenue'
                        WHEN 'expiry' THEN 'breakage_revenue'
                        WHEN 'refund_clawback' THEN 'cash'
                        WHEN 'reversal' THEN 'revenue'
                    END,
                    entry.amount
                )
            ) AS line (account, amount)
            """,
            "DROP VIEW ledger_journal",
        ),
    ]
