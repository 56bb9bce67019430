"""What the checks share. It needs python3 and git, and runs in a copy of the project.

What the agent wrote runs in a process of its own that only tells values; the check compares them. So code that ends
its process, prints "OK" or replaces the tests convinces nobody.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

PRISTINE = Path(sys.argv[0]).resolve().parent
"""The task's own folder, with ``project/`` as the agent found it."""

SECONDS = 20

_CHILD = """
import io, json, sys
told, sys.stdout = sys.stdout, io.StringIO()
sys.path.insert(0, {path!r})
given = json.loads(sys.stdin.read())
scope = dict(__name__="judged")
exec(given["first"], scope)
answers = []
for expression in given["expressions"]:
    try:
        answers.append(json.dumps(eval(expression, scope)))
    except Exception as error:
        answers.append(json.dumps(type(error).__name__))
told.write("\\n" + given["mark"] + json.dumps(answers))
told.flush()
"""


def want(holds, why):
    """The check ends with the sentence unless it holds."""
    if not holds:
        fail(why)


def fail(why):
    print(why)
    sys.stdout.flush()
    sys.exit(1)


def run(*command, given="", cwd=".", env=None, seconds=SECONDS):
    """A process of what the agent wrote, with its whole group ended after the time. Its code, output and errors."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        process.stdout_text, process.stderr_text = process.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        fail(f"{' '.join(command)[:80]} took more than {seconds} s")
    return process


def values(first, expressions, path="."):
    """What the expressions are worth after the statements ``first``: JSON values, or the name of what they raised."""
    mark = os.urandom(8).hex()
    given = json.dumps({"first": first, "expressions": list(expressions), "mark": mark})
    code = _CHILD.format(path=str(Path(path).resolve()))
    done = run(sys.executable, "-c", code, given=given, cwd=path)
    _, found, answers = done.stdout_text.rpartition("\n" + mark)
    want(found, f"the code cannot be used: {last(done.stderr_text, 3)}")
    return [json.loads(answer) for answer in json.loads(answers)]


def expect(first, cases, path="."):
    """Each expression (a key) is worth its value."""
    for expression, found in zip(cases, values(first, cases, path)):
        want(found == cases[expression], f"{expression} is {found!r}, not {cases[expression]!r}")


def tests(path=".", *names):
    """Whether the unit tests of a directory pass. Only for the agent's own tests against code that we chose."""
    done = run(sys.executable, "-m", "unittest", *(names or ["discover"]), cwd=path, seconds=40)
    ran = "Ran 0 tests" not in done.stderr_text and "Ran " in done.stderr_text
    return done.returncode == 0 and ran


def unchanged(*paths):
    """These files, or all below these directories, are as the agent found them."""
    for path in paths:
        ours = PRISTINE / "project" / path
        for each in sorted(ours.rglob("*")) if ours.is_dir() else [ours]:
            if each.is_file():
                name = each.relative_to(PRISTINE / "project")
                want(name.is_file(), f"{name} is gone")
                want(name.read_bytes() == each.read_bytes(), f"{name} was changed, and must not be")


def text(path):
    want(Path(path).is_file(), f"there is no {path}")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        fail(f"{path} is not UTF-8")


def last(words, lines):
    return "\n".join(words.strip().splitlines()[-lines:])
