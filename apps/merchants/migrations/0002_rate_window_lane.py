"""Count calls per lane. The counts of the current minute are not worth keeping, so the table is made anew."""

import django.db.models.deletion
import django.db.models.manager
from django.db import migrations, models

from apps.merchants.tenancy import KeyByTenant


class Migration(migrations.Migration):
    dependencies = [("merchants", "0001_merchants_members_keys")]

    operations = [
        migrations.DeleteModel(name="RateWindow"),
        migrations.CreateModel(
            name="RateWindow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "merchant_id",
                        "secret_key_id",
                        "lane",
                        "starts_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("secret_key_id", models.UUIDField()),
                ("lane", models.CharField(max_length=16)),
                ("starts_at", models.DateTimeField()),
                ("count", models.IntegerField(default=0)),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "across_merchants",
                "default_manager_name": "across_merchants",
            },
            managers=[("across_merchants", django.db.models.manager.Manager())],
        ),
        KeyByTenant("RateWindow"),
        # Counts of the current minute: not worth a disk write, and empty after a crash is right.
        migrations.RunSQL("ALTER TABLE merchants_ratewindow SET UNLOGGED", migrations.RunSQL.noop),
    ]
