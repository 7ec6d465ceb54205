"""SQL stands in faced/store and nowhere else, so that every write goes through one lock."""

import ast
import re
from pathlib import Path

FACED = Path(__file__).parents[2] / "faced"
SQL = re.compile(
    r"\b(INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|REPLACE\s+INTO|SELECT\s.+\sFROM"
    r"|(CREATE|DROP|ALTER)\s+(TEMP\s+)?(TABLE|INDEX|VIEW|TRIGGER)|PRAGMA\s|BEGIN\s+IMMEDIATE|ROLLBACK|VACUUM)",
    re.DOTALL,
)
WRITING_METHODS = {"executemany", "executescript", "insert_all", "upsert", "upsert_all", "atomic"}


def sql_in(source: str) -> list[str]:
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found += [match[0] for match in SQL.finditer(node.value)]
        if isinstance(node, ast.Attribute) and node.attr in WRITING_METHODS:
            found.append(node.attr)
    return found


def test_no_module_outside_the_store_speaks_sql():
    """Neither as text nor through the writing methods of sqlite-utils, which commit by themselves."""
    modules = [path for path in FACED.rglob("*.py") if FACED / "store" not in path.parents]
    assert len(modules) > 10
    found = {
        str(path.relative_to(FACED)): sql for path in modules if (sql := sql_in(path.read_text("utf-8")))
    }
    assert found == {}


def test_within_the_store_nothing_commits_by_itself():
    """No method of sqlite-utils that makes tables by a slip of the pen, no connection's own commit."""
    forbidden = WRITING_METHODS - {"executemany"} | {"commit", "enable_wal", "create_table"}
    for path in (FACED / "store").rglob("*.py"):
        used = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute)
        }
        assert not used & forbidden, path


def test_the_check_sees_what_it_looks_for():
    """It would find each of these, and leaves prose alone."""
    assert sql_in("db.execute('DELETE FROM faces')") == ["DELETE FROM"]
    assert sql_in("q = f'UPDATE photos SET a = {x}'") == ["UPDATE photos SET"]
    assert sql_in("db['faces'].insert_all(rows)") == ["insert_all"]
    assert sql_in('def f():\n    """DELETE FROM is not said here."""') == []
