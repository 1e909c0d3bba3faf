"""What all IO managers share: where an asset's file lies, and errors that say which asset to make again."""

from abc import abstractmethod
from typing import Any, TypeVar, get_args, get_origin

import dagster as dg
from upath import UPath

from resources.outputs import SHARED, Outputs
from videotracks.errors import CorruptFileError, VideoTracksError

T = TypeVar("T")


class MissingOutputError(VideoTracksError, FileNotFoundError):
    """A stored output that was never made, or was removed."""


class StoredIOManager(dg.UPathIOManager):
    """Stores the value of an asset as ``<root>/<partition key>/<file>``, the file named by its metadata ``file``.

    A value is written to a draft and moved to its place when it is complete. Subclasses say how to
    ``write`` and ``read``; the type that an input is annotated with says what is read.
    """

    def __init__(self, outputs: Outputs) -> None:
        super().__init__(base_path=outputs.base)
        self.outputs = outputs

    @abstractmethod
    def write(self, value: Any, path: UPath) -> int:
        """Store ``value`` at ``path`` and return the number of bytes written."""

    @abstractmethod
    def read(self, cls: type[Any], path: UPath) -> Any:
        """Read what is stored at ``path`` as a ``cls``; ``CorruptFileError`` if it is not a whole one."""

    def is_there(self, path: UPath) -> bool:
        """Whether something is stored at ``path``."""
        return path.exists()

    def get_asset_relative_path(self, context: dg.InputContext | dg.OutputContext) -> UPath:
        """Where an asset without partitions lies."""
        self.outputs.path(None, _file_of(context))
        return UPath(SHARED) / _file_of(context)

    def get_op_output_relative_path(self, context: dg.InputContext | dg.OutputContext) -> UPath:
        """Refuse: only assets have a place."""
        raise TypeError(f"{type(self).__name__} stores assets only, not the outputs of plain ops")

    def get_path_for_partition(self, context: dg.InputContext | dg.OutputContext, path: UPath, partition: str) -> UPath:
        """Where an asset of one video lies."""
        return self.outputs.path(partition, _file_of(context))

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Store a value, and note its size."""
        context.add_output_metadata({"bytes": self.write(obj, path)})

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """Load a value, or say which asset to make (again) for which video."""
        asset = context.asset_key.to_user_string()
        place = path.parts[len(self.outputs.base.parts)]
        of = asset if place == SHARED else f"{asset} of {place}"
        remedy = f"materialise {asset}" if place == SHARED else f"`videotracks run {place} --select {asset}` makes it"
        if not self.is_there(path):
            raise MissingOutputError(f"{of}: no file {path}; {remedy}")
        try:
            return self.read(_type_of(context), path)
        except CorruptFileError as error:
            raise CorruptFileError(f"{of}: {error}; {remedy} again") from error


def _file_of(context: dg.InputContext | dg.OutputContext) -> str:
    owner = context.upstream_output if isinstance(context, dg.InputContext) else context
    file = (owner.definition_metadata if owner is not None else {}).get("file")
    file = file.value if isinstance(file, dg.TextMetadataValue) else file
    if not isinstance(file, str):
        raise TypeError(f"asset {context.asset_key.to_user_string()}: its metadata 'file' must name the stored file")
    return file


def _type_of(context: dg.InputContext) -> type[Any]:
    """The class that the input is annotated with; of ``dict[str, T]`` (several videos), ``T``."""
    cls = context.dagster_type.typing_type
    if get_origin(cls) is dict:
        cls = get_args(cls)[1]
    if not isinstance(cls, type) or cls in (Any, object):
        asset = context.asset_key.to_user_string()
        raise TypeError(f"input {context.name!r}: annotate it with the type of asset {asset} to have it loaded")
    return cls


def stored_as(value: Any, cls: type[T], manager: str) -> T:
    """``value`` if it is a ``cls``; otherwise a ``TypeError`` that says what the manager stores."""
    if not isinstance(value, cls):
        raise TypeError(f"{manager} stores {cls.__name__}, got {type(value).__name__}")
    return value
