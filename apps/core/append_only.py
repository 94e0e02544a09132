"""Tables whose rows are never changed: refused by trigger and by privilege."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class AppendOnly(Operation):
    """After `CreateModel`: refuse UPDATE, DELETE and TRUNCATE on the table.

    The trigger stops everybody, its owner included; the revoked privilege stops the application
    before a statement even begins. A mistake is corrected by adding a row, never by an edit.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str) -> None:
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing that Django knows of changes."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        schema_editor.execute(
            f"""
            CREATE OR REPLACE FUNCTION lava_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
                    USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE TRIGGER "{table}_refuses_change" BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"
                FOR EACH STATEMENT EXECUTE FUNCTION lava_refuse_change();
            REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM PUBLIC, CURRENT_USER;
            """,
            params=None,  # no parameters, so `%` is a plain letter
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """The table itself is dropped by the operation before this one."""

    def describe(self) -> str:
        return f"Make {self.name} append-only"
