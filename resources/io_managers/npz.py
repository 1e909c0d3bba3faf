"""Tables of arrays as NPZ files."""

from typing import Any

import dagster as dg
from upath import UPath

from resources.io_managers.stored import StoredIOManager, stored_as
from resources.outputs import Outputs
from videotracks.npz import read_table, write_table
from videotracks.tables import Table


class NpzIOManager(dg.ConfigurableIOManagerFactory):
    """Stores a ``videotracks.tables.Table`` as NPZ, without pickle; its schema is checked on write and on read."""

    outputs: Outputs

    def create_io_manager(self, context: dg.InitResourceContext) -> dg.IOManager:
        """Make the manager over the configured root."""
        return _Npz(self.outputs)


class _Npz(StoredIOManager):
    def write(self, value: Any, path: UPath) -> int:
        table = stored_as(value, Table, "NpzIOManager")
        draft = self.outputs.draft(path.name)
        write_table(draft, table)
        size = draft.stat().st_size
        self.outputs.place(draft, path)
        return size

    def read(self, cls: type[Any], path: UPath) -> Table:
        if not issubclass(cls, Table):
            raise TypeError(f"{path} holds a Table; annotate the input with its class, not {cls.__name__}")
        with path.open("rb") as file:
            return read_table(file, cls, str(path))

    def get_metadata(self, context: dg.OutputContext, obj: Table) -> dict[str, Any]:
        """Columns with their types and meaning, and the number of rows."""
        columns = [
            dg.TableColumn(name, type=declared.type_name, description=declared.doc)
            for name, declared in obj.columns().items()
        ]
        return {"dagster/column_schema": dg.TableSchema(columns), "dagster/row_count": int(obj.row_count)}
