"""The demo from beginning to end: connect, load, ask three questions, lose an engine, ask again.

Everything shown is done by the public interface of one connection, `polyroute.connect`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyroute.demo import questions, screen
from polyroute.demo.data import embed
from polyroute.demo.folder import ENGINES, DemoFolder
from polyroute.demo.loading import fill

if TYPE_CHECKING:
    from polyroute.result import QueryResult
    from polyroute.router import DatabaseCoordinator


def run(folder: DemoFolder, *, reload: bool = False) -> None:
    """Run the whole demo in a folder; `reload` loads the data again even if it is there.

    Raises QUERY_INVALID when a data package is missing, and whatever an engine fails with.
    """
    import polyroute

    screen.heading("One connection, six engines")
    folder.prepare()
    with polyroute.connect(folder.config) as db:
        screen.table(("engine", "for", "store", "address"), [(name, *facts) for name, facts in ENGINES.items()])
        screen.heading(f"Real data, loaded into {folder.path}")
        fill(db, folder, reload=reload)
        ask_one_operation(db)
        seen = ask_two_engines(db)
        ask_all_five(db)
        lose_an_engine(db, seen)
    _say_goodbye(folder)


def ask_one_operation(db: DatabaseCoordinator) -> QueryResult:
    """Ask for a way over land borders: one operation on the graph."""
    screen.heading("1. One operation")
    screen.question(questions.ROUTE)
    screen.code(questions.ROUTE_CALL)
    result = db.graph_shortest_path("borders", "PT", "TR", weight="km", where="mutual")
    screen.answer(result)
    return result


def ask_two_engines(db: DatabaseCoordinator) -> QueryResult:
    """Join flights with the last weather observation before each, and watch the router learn which copy is faster."""
    screen.heading("2. Two engines")
    screen.question(questions.WEATHER)
    screen.code(questions.WEATHER_SQL)
    first = db.sql(questions.WEATHER_SQL)
    _show(first)
    copies = _copies(db, "flights")
    screen.say(f"\nThe flights lie in {' and '.join(copies)}. Asked again, the answer still holds:\n")
    runs = [first, *(db.sql(questions.WEATHER_SQL) for _ in copies)]
    screen.table(("run", "flights from", "ms"), [_run(n, r, copies) for n, r in enumerate(runs, 1)])
    return runs[-1]


def _run(number: int, result: QueryResult, copies: list[str]) -> tuple[int, str, float]:
    return number, _served_by(result, copies), round(result.elapsed_s * 1e3, 1)


def _copies(db: DatabaseCoordinator, dataset: str) -> list[str]:
    return [placement.engine.id for placement in db.datasets[dataset].placements]


def _served_by(result: QueryResult, copies: list[str]) -> str:
    return next(engine for engine in screen.answered_by(result) if engine in copies)


def ask_all_five(db: DatabaseCoordinator) -> QueryResult:
    """Start from a text, and ask vectors, documents, tables, a graph and a time series in one statement."""
    screen.heading("3. All five kinds of data, one statement")
    screen.question(questions.JOURNEY)
    year_ago = db.sql(questions.YEAR_AGO_SQL).scalar()
    screen.code(f"$wish     = embed({questions.WISH!r})\n$year_ago = {str(year_ago)!r}")
    screen.code(questions.JOURNEY_SQL)
    result = db.sql(questions.JOURNEY_SQL, {"wish": embed(questions.WISH), "year_ago": year_ago})
    _show(result)
    return result


def lose_an_engine(db: DatabaseCoordinator, before: QueryResult) -> QueryResult:
    """Close the engine that served the flights, without telling the router, and ask the second question again."""
    copies = _copies(db, "flights")
    lost = _served_by(before, copies)
    screen.heading("4. An engine is lost")
    screen.question(
        f"The flights came from {lost!r}. Its store is now closed under the router. The same question again:"
    )
    screen.code(f'db.engine("{lost}").close()\ndb.sql(...)')
    db.engine(lost).close()
    result = db.sql(questions.WEATHER_SQL)
    _show(result)
    screen.say(f"\n{_way_out(db, lost, _served_by(result, copies))}")
    same = "the same answer" if result.rows() == before.rows() else "ANOTHER ANSWER"
    screen.say(f"One load() had put the flights into {' and '.join(copies)}, so this is {same}. Health:\n")
    screen.lines(str(db.health_report()).splitlines())
    return result


def _way_out(db: DatabaseCoordinator, lost: str, found: str) -> str:
    codes = ", ".join(db.error_statistics().get(lost, {}))
    if not codes:
        return f"The router went straight to {found}."
    return f"The router asked {lost} first, got {codes}, and went on to {found}."


def _show(result: QueryResult) -> None:
    screen.answer(result)
    if result.plan is not None:
        screen.plan(result.plan)


def _say_goodbye(folder: DemoFolder) -> None:
    screen.heading("Now you")
    screen.say("The engines stay, and the next start reuses them. Ask your own:\n")
    screen.code(
        f"polyroute datasets --config {folder.config}\n"
        f"polyroute query --config {folder.config} -c \"SELECT * FROM airports WHERE iata = 'JFK'\""
    )
