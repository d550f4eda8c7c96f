"""What Ray's dashboard answers by GET, out of its own source: a line for each path, marked where the handler does something to a
process of the cluster, or calls something that could."""

import ast
import pathlib
import sys

# What stands in a handler that acts: it stops something, or has a profiler or a debugger attached on the process's own node.
ACTS = ("kill", "reporter_stub", "subprocess.", "os.system", "delete", "stop_")

found = {}
for path in sorted(pathlib.Path(sys.argv[1], "dashboard").rglob("*.py")):
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            # An agent's own server is not the dashboard.
            if decorator.func.attr != "get" or path.name.endswith("_agent.py"):
                continue
            route = decorator.args[0].value
            body = [line for line in node.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))]
            code = "\n".join(ast.unparse(line) for line in body)
            found[route] = any(word in code for word in ACTS)
for route, acts in sorted(found.items()):
    print(("acts " if acts else "reads ") + route)
