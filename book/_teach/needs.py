"""Which of a chapter's code its exercises need: followed from name to name, backwards."""

import ast
import builtins
import re
import symtable


def names(statement):
    """(made, used at once, used when a function in it runs, changed in place) of a statement, sets of names."""
    top = symtable.symtable(ast.unparse(statement), "cell", "exec")
    symbols = top.get_symbols()
    made = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in symbols if s.is_referenced()}
    later, waiting = set(), [(table, False) for table in top.get_children()]
    while waiting:
        table, waits = waiting.pop()
        waits = waits or not re.fullmatch(
            "(list|set|dict)comp|genexpr", table.get_name()
        )
        waiting += [(inner, waits) for inner in table.get_children()]
        found = {s.get_name() for s in table.get_symbols() if s.is_global()}
        later, used = (later | found, used) if waits else (later, used | found)
    return made, used, later, changed(statement)


def simple(statements):
    """The statements in the order in which they run first: of loops and the like the head, then the body."""
    for statement in statements:
        if isinstance(statement, ast.For):
            yield ast.Assign([statement.target], statement.iter, lineno=0)
        elif isinstance(statement, ast.If | ast.While):
            yield ast.Expr(statement.test)
        elif isinstance(statement, ast.With):
            for item in statement.items:
                into = [item.optional_vars] if item.optional_vars else []
                yield ast.Assign(into or [ast.Name("_")], item.context_expr, lineno=0)
        elif not isinstance(statement, ast.Try):
            yield statement
            continue
        for part in ("body", "handlers", "orelse", "finalbody"):
            for inner in getattr(statement, part, []):
                handler = isinstance(inner, ast.ExceptHandler)
                yield from simple(inner.body if handler else [inner])


def changed(statement):
    """Names of which a part is set, or a method that changes them is called."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute):
            store = isinstance(node.ctx, ast.Store)
            grows = isinstance(node, ast.Attribute) and node.attr in GROWS
            if (store or grows) and isinstance(node.value, ast.Name):
                found.add(node.value.id)
    return found


GROWS = {"append", "extend", "update", "add", "insert"}


def of_cell(source):
    """(made, needed, needed later, changed) of a cell, statement by statement: what it makes first it does not need."""
    made, needed, late, parts = set(), set(), set(), set()
    for statement in simple(ast.parse(source).body):
        new, used, later, inside = names(statement)
        needed |= used - made
        late |= later
        parts |= inside
        made |= new
    known = set(dir(builtins))
    return made, needed - known, late - known, parts


def needed_code(cells, exercises):
    """The chapter's code cells (without the first) that its exercises' solutions call, in order."""
    inside = {id(cell) for ex in exercises for kind, _, cell in ex.solution if cell}
    code = [c for c in cells if c["cell_type"] == "code"]
    own = [c["source"] for c in code[1:] if id(c) not in inside]
    solved = [
        source
        for ex in exercises
        for kind, source, _ in ex.solution
        if kind == "code"
    ]
    wanted, late = set(), set()
    for source in solved[::-1]:
        made, needed, later, _ = of_cell(source)
        wanted = (wanted - made) | needed | later
    while True:  # what a function needs when it runs may be made after the function
        kept, open_names, more = [], wanted | late, set()
        for source in own[::-1]:
            made, needed, later, parts = of_cell(source)
            if (made | parts) & open_names:
                kept.insert(0, source)
                open_names = (open_names - made) | needed | later
                more |= later
        if more <= late:
            return kept
        late |= more
