"""Processes that a project leaves behind: all end, also those that start each other anew."""

import subprocess
import sys
import time
from pathlib import Path

from appx.workbench.leftovers import end_processes

TWINS = """
import ctypes, os, signal, time
prctl = ctypes.CDLL(None).prctl

def other_died(*_):
    if os.fork() == 0:
        watch()

def watch():
    prctl(1, signal.SIGUSR1)  # when the parent dies
    while True:
        time.sleep(60)

signal.signal(signal.SIGUSR1, other_died)
for _ in range(40):
    if os.fork() == 0:
        watch()
print("ready", flush=True)
time.sleep(60)
"""
"""Forty children, each of which starts another process when the parent dies, which does the same for its own."""


def marked(mark: str) -> list[str]:
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes().split(b"\0"):
                found.append(environ.parent.name)
        except OSError:
            continue
    return found


def test_processes_that_start_each_other_anew_all_end(tmp_path: Path) -> None:
    mark = f"APPX_PROJECT_DIR={tmp_path}"
    environment = dict([mark.split("=", 1)])
    with subprocess.Popen([sys.executable, "-c", TWINS], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        assert len(marked(mark)) == 41
        end_processes(mark)
        parent.wait(5)
        time.sleep(0.3)
        left = marked(mark)
        end_processes(mark)
    assert left == []


def test_a_process_of_another_project_goes_on(tmp_path: Path) -> None:
    environment = {"APPX_PROJECT_DIR": f"{tmp_path}-other", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(["sleep", "60"], env=environment) as other:
        end_processes(f"APPX_PROJECT_DIR={tmp_path}")
        assert other.poll() is None
        other.kill()
