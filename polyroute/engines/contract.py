"""The contract between the router and an engine: what an adapter declares, what it must do, what it gets for nothing.

An adapter subclasses `Engine` and defines a method named after each operation that it offers: `vector_search(self, op,
call)`; `operations` and `kinds` are read off the class, so a declaration cannot drift from the code. `open`,
`datasets`, `scan` and `close` are required; everything else has a default that is right and only slower. The engine
floor (`polyroute.engines.execution`) stands between the router and an adapter: it applies again what an adapter did not
do exactly, so an answer never depends on the engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from polyroute.errors import DatabaseErrorCode, ErrorTable, Outcome, TransactionError, invalid, unknown_name
from polyroute.operations import Operation, operations
from polyroute.result import Documents, Rows
from polyroute.sql.filters.filter import Unsupported

if TYPE_CHECKING:
    import pyarrow as pa

    from polyroute.engines.call import Call
    from polyroute.engines.resources import Resource
    from polyroute.engines.url import EngineURL
    from polyroute.sql.filters import Filter, OrderKey

Answer: TypeAlias = "Rows | Documents | pa.Table | pa.RecordBatchReader"

MODES = ("create", "append", "upsert", "replace")


class SchemaChanged(TransactionError):
    """Say that a dataset is no longer what an operation was bound to; whoever bound it binds it anew and repeats it."""

    def __init__(self, dataset: str) -> None:
        super().__init__(
            DatabaseErrorCode.TRANSACTION_FAILED,
            f"the columns of {dataset!r} changed while it was asked",
            hint="ask again",
            outcome=Outcome.ROLLED_BACK,
        )


@dataclass(frozen=True, slots=True)
class Traits:
    """What the router must know of an engine and cannot read off its methods.

    `cancellable`: the adapter stops its work promptly through `call.on_cancel` or `call.check`; where it is False a
    call with a deadline runs on a bounded worker. `concurrent`: calls at once, None for any number. `durable`: an
    acknowledged write survives a crash. `transactional`: a failed write leaves nothing. `idempotent_writes`: an
    `idempotency_key` is committed with its write. `hosts_merges`: `select` runs any SELECT in polyroute's dialect, over
    its own datasets and over Arrow tables that are shipped to it.
    """

    dialect: str | None = None
    cancellable: bool = False
    concurrent: int | None = None
    durable: bool = True
    transactional: bool = True
    idempotent_writes: bool = False
    hosts_merges: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as one engine holds it: name, kind, logical Arrow schema, key columns, roles.

    `roles` names the columns with a part to play and the settings that belong to the data: `vector`, `metric`; `time`;
    `source`, `target`, `directed`, `node_key`, `label`, `type`. `parts` are the further tables of a graph by name:
    'edges' (the dataset's own schema) and 'nodes'.
    """

    name: str
    kind: str
    schema: pa.Schema
    key: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    parts: Mapping[str, pa.Schema] = field(default_factory=lambda: MappingProxyType({}))
    plain_key: type | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # point reads look here first: most keys are one text or one whole number, which need no conversion
        plain = _plain_type(self.schema, self.key[0]) if len(self.key) == 1 else None
        object.__setattr__(self, "plain_key", plain)

    def part_schema(self, part: str | None) -> pa.Schema:
        """Return the schema of a part, or of the dataset itself; QUERY_INVALID for one that it has not."""
        if part is None:
            return self.schema
        if part not in self.parts:
            raise unknown_name(f"part of {self.name!r}", part, self.parts)
        return self.parts[part]

    def role(self, name: str) -> str:
        """Return the column or setting of a role; QUERY_INVALID with the way out when the dataset has none."""
        value = self.roles.get(name)
        if value is None:
            raise invalid(f"dataset {self.name!r} has no {name} column", hint=f"load it with {name}='column'")
        return value

    def single_key(self) -> str:
        """Return the one key column; QUERY_INVALID with the way out when there is none or more than one."""
        if len(self.key) != 1:
            held = "no key" if not self.key else f"a key of {len(self.key)} columns"
            raise invalid(
                f"dataset {self.name!r} has {held}, one key column is needed", hint="load it with key='column'"
            )
        return self.key[0]


def _plain_type(schema: pa.Schema, column: str) -> type | None:
    import pyarrow as pa

    position = schema.get_field_index(column)
    if position < 0:
        return None
    held = schema.field(position).type
    return str if pa.types.is_string(held) else int if pa.types.is_integer(held) else None


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What to load, as the shared loading floor hands it to an engine.

    `dataset` carries name, logical schema, key and roles; for append, upsert and replace they are those of the held
    dataset unless the load names others. `batches` have exactly the dataset's schema. `nodes` is the node table of a
    graph. `documents`, where it is given, are original JSON documents for a document engine, which then infers the
    schema itself. The engine calls `before_commit` when everything is stored and right before that becomes visible:
    what it raises must undo the load. `advance` takes the number of rows done, for the progress bar.
    """

    dataset: Dataset
    mode: str
    batches: Callable[[], Iterator[pa.RecordBatch]]
    documents: Callable[[], Iterator[dict[str, object]]] | None = None
    nodes: pa.Table | None = None
    before_commit: Callable[[], object] = lambda: None
    advance: Callable[[int], object] = lambda rows: None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What an adapter promises to do of a scan, exactly; the rest is done after it.

    `where` is the part of the filter that it applies (None: none of it); `order` and `limit` only count when nothing is
    left of the filter.
    """

    columns: bool = False
    where: Filter | None = None
    residual: Filter | None = None
    order: bool = False
    limit: bool = False


@dataclass(frozen=True, slots=True)
class BoundScan:
    """A scan as an adapter sees it: names checked, the filter parsed, only what was promised in `negotiate`.

    `columns` are in the order wanted; `order` are parsed keys.
    """

    name: ClassVar[str] = "scan"
    dataset: Dataset
    part: str | None
    columns: tuple[str, ...]
    where: Filter | None = None
    order: tuple[OrderKey, ...] = ()
    limit: int | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of the wanted columns."""
        import pyarrow as pa

        whole = self.dataset.part_schema(self.part)
        return pa.schema([whole.field(c) for c in self.columns])


@dataclass(frozen=True, slots=True)
class BoundSelect:
    """A whole SELECT that one engine is to run: the largest part of a statement that reads only its datasets.

    `sql` is in polyroute's dialect; it names the engine's `datasets` by their bare names and the shipped `inputs` (only
    where `traits.hosts_merges`) by theirs. `params` are the values of its `$names`.
    """

    name: ClassVar[str] = "select"
    writes: ClassVar[bool] = False
    sql: str
    datasets: tuple[str, ...]
    params: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    inputs: Mapping[str, pa.Table] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def dataset(self) -> str | None:
        """The dataset it is recorded under: the first one."""
        return self.datasets[0] if self.datasets else None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an engine knows cheaply about a dataset, or about a part of a graph; None where it does not.

    `row_count` is true. `about` is a guess of it, where counting would take long; what the rows hold is estimated from
    `Engine.sample`.
    """

    row_count: int | None = None
    about: int | None = None

    @property
    def rows(self) -> int | None:
        """The number of rows, as nearly as it is known."""
        return self.about if self.row_count is None else self.row_count


class Engine(ABC):
    """A store behind the router.

    Methods run on any thread, at most `traits.concurrent` at once. Filters arrive parsed, qualified, values bound;
    `rows`, `documents`, `edges` and `nodes` of writes arrive as an Arrow table in the dataset's schema (documents as a
    list of dicts). An answer is `Rows`, `Documents`, a table or a reader, with the columns and logical types that
    `describe` tells.
    """

    traits: ClassVar[Traits] = Traits()
    errors: ClassVar[ErrorTable]
    operations: ClassVar[frozenset[str]] = frozenset()
    kind: ClassVar[str]
    id: str = ""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.operations = frozenset(name for name in operations() if callable(getattr(cls, name, None)))

    @classmethod
    def kinds_offered(cls) -> frozenset[str]:
        """Return the kinds of data that engines of this class hold, read off their operations."""
        return frozenset(operations()[name].kind for name in cls.operations) - {"any"}

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of data that the engine holds."""
        return frozenset(operations()[name].kind for name in self.operations) - {"any"}

    @classmethod
    @abstractmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open the store at an address; without a path, a temporary one that `close` removes."""

    @abstractmethod
    def datasets(self) -> Mapping[str, Dataset]:
        """Return what is stored now, by whoever stored it.

        It is asked often: remember it as long as nothing changed.
        """

    @abstractmethod
    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Read a dataset: exactly the columns, and of filter, order and limit exactly what `negotiate` promised."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back; closing twice is harmless."""

    @property
    @abstractmethod
    def resource(self) -> Resource[Any]:
        """The file or server beneath, shared by all engines on it."""

    def negotiate(self, op: BoundScan) -> Pushed:
        """Tell what of a scan the adapter does itself; by default nothing."""
        return Pushed(residual=op.where)

    def negotiate_select(self, op: BoundSelect) -> None:
        """Prepare a whole SELECT; raise `Unsupported`, with the reason, when the answer would not be exactly DuckDB's.

        What was not refused is then run by `select`. By default every SELECT is refused.
        """
        raise Unsupported(f"{type(self).__name__} runs no SQL")

    def select(self, op: BoundSelect, call: Call) -> Answer:
        """Run a whole SELECT exactly as DuckDB would, names and logical types of its columns included.

        Raises `Unsupported` where `negotiate_select` would.
        """
        raise Unsupported(f"{type(self).__name__} runs no SQL")

    def refusal(self, arrow_type: pa.DataType) -> str | None:
        """Tell why a logical type cannot be given back as loaded, or None when it can; nested types are asked part by
        part too.
        """
        return None

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store batches, all or nothing, and return the rows stored."""
        raise invalid(
            f"this engine cannot be loaded through polyroute ({type(self).__name__})", hint="load into another engine"
        )

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a dataset with all that belongs to it."""
        raise invalid(
            f"this engine cannot drop datasets through polyroute ({type(self).__name__})",
            hint="drop it with its own tools",
        )

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Make an index on columns (or on nested paths), for good."""
        raise invalid(f"this engine has no indexes to create ({type(self).__name__})", hint="ask without one")

    def data_version(self, dataset: str) -> object | None:
        """Return a token that differs after every change of the data, whoever made it, or None where the engine cannot
        tell cheaply.
        """
        return None

    def foreign_version(self, dataset: str) -> object | None:
        """Return a token that differs after every change of the data by another program; None where the engine cannot
        tell just now.

        Writes of this process need not move it, and where this method is overridden they do not: replicas are told of
        them otherwise. By default it is the `data_version`.
        """
        return self.data_version(dataset)

    def entangled(self, dataset: str) -> bool:
        """Tell whether a dataset may change when another one of the store is written: a view, or what triggers and
        cascades write.
        """
        return False

    def volatile(self, dataset: str) -> bool:
        """Tell whether a dataset may differ from one read to the next though nobody changed it: a view that reads the
        clock, say. Answers from it are not kept.
        """
        return False

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return what is known cheaply, in a millisecond or so, about a dataset or a part of it."""
        return Statistics()

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return at most `rows` rows of a dataset or a part of it, with all columns but vectors, to estimate from.

        They are true rows and the same ones every time, until the data change; best taken from all over the dataset
        (`polyroute.engines.sampling`). By default they are the first that a scan gives.
        """
        from polyroute.engines.execution import as_table, run
        from polyroute.engines.sampling import sampled_columns

        held = self.dataset(dataset)
        columns = sampled_columns(held.part_schema(part))
        return as_table(run(self, BoundScan(held, part, columns, limit=rows), call))

    def ping(self, call: Call) -> None:
        """Raise when the engine cannot answer; by default, list the datasets."""
        self.datasets()

    def dataset(self, name: str) -> Dataset:
        """Return one dataset; QUERY_INVALID, naming the nearest, when the engine does not hold it."""
        held = self.datasets()
        if name not in held:
            raise unknown_name("dataset", name, held)
        return held[name]


def writes(op: Operation) -> bool:
    """Tell whether an operation changes data.

    >>> writes(Scan("airports"))
    False
    """
    return type(op).writes
