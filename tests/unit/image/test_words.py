"""What shells of root, and of the host, make of words of agents: they keep a part, and nothing that commands."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHARE = ROOT / "image/rootfs/usr/local/share/appx-builder"


def functions(script: Path) -> str:
    """Without what calls the first one."""
    return script.read_text().removesuffix("\nmain\n")


def run(shell: str, text: str, sent: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([shell, "-c", text], input=sent, capture_output=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"plain \xc3\xa9 \xe2\x80\x94 \tx", b"plain \xc3\xa9 \xe2\x80\x94 \tx"),
        (b"a\x1b[31mb", b"a[31mb"),
        (b"a\xc2\x9b31mb", b"a31mb"),
        (b"a\xc2\xc2\x9b\x9b31mb", b"a31mb"),
        (b"a\xc2\xc2\xc2\x9b\x9d\x9b31mb", b"a31mb"),
        (b"a\xc2\xc2\x9b\xc2\x9b\x9b31mb", b"a31mb"),
        (b"a\xc2\x01\x9b31mb", b"a31mb"),
        (b"\xc3\x9b \xe2\x82\x9b", b"\xc3\x9b \xe2\x82\x9b"),
    ],
)
def test_the_log_on_the_host_commands_no_terminal(written: bytes, shown: bytes) -> None:
    text = f". {ROOT}/docker/builder/lib/harmless.sh; harmless"
    assert run("bash", text, written + b"\n").stdout == shown + b"\n"


def test_a_line_without_end_is_shown_before_its_end_and_not_held() -> None:
    text = f"ulimit -v 20000; . {ROOT}/docker/builder/lib/harmless.sh; harmless | tail -c 3"
    done = run("bash", text, b"x" * 8_000_000 + b"end")
    assert (done.stdout, done.stderr) == (b"end", b"")


@pytest.mark.parametrize(("command", "told"), [("exit 3", b"failed"), ("exit 0", b"fine")])
def test_root_keeps_the_last_words_of_a_podman_that_an_agent_may_have_replaced(command: str, told: bytes) -> None:
    """dash holds twice what it captures."""
    text = functions(SHARE / "account/workbench").replace("$(id -u ", "$(: ").replace("$(sed ", "$(: ")
    endless = "head -c 100000000 /dev/zero | tr '\\0' x >&2; printf '\\033[2Jthe end ' >&2"
    called = 'if hears sh -c "$2"; then echo fine; else echo failed; fi; echo "${#said}"; echo "$said" | tail -c 30'
    argv = ["sh", "-c", f"ulimit -v 100000; {text}\n{called}", "workbench", "p001", f"{endless}; {command}"]
    done = subprocess.run(argv, capture_output=True, check=True)
    first, size, last = done.stdout.split(b"\n", 2)
    assert first == told
    assert 3_900 < int(size) <= 4_000
    assert b"x[2Jthe end" in last


def test_an_agent_that_stops_the_end_of_its_apps_stops_nothing_else() -> None:
    text = functions(SHARE / "services/.s6-svscan/SIGTERM").replace("seq 55", "seq 5")
    faked = "ps() { printf 'p001 conmon\\np002 conmon\\n'; }; stop_apps() { [ $1 = p002 ] || sleep 30 >&- 2>&-; }"
    called = "stop_all_apps; wait; echo went on"
    began = time.monotonic()
    assert run("sh", f"{text}\n{faked}\n{called}").stdout == b"went on\n"
    assert time.monotonic() - began < 25


@pytest.mark.parametrize("ended", [True, False])
def test_an_agent_that_stops_who_asks_its_service_to_end_stops_nothing_else(*, ended: bool) -> None:
    text = functions(SHARE / "services/.s6-svscan/SIGTERM").replace("s6-", "s6_")
    faked = f"""s6_svc() {{ :; }}; s6_svstat() {{ echo 7; }}; s6_svwait() {{ {"true" if ended else "false"}; }}
        as_it() {{ echo "$*" >&2; exec sleep 30 >&- 2>&-; }}"""
    began = time.monotonic()
    done = run("sh", f"{text}\n{faked}\n(stop_service workbench builder 1500) & wait; sleep 0.2; echo went on; exit")
    assert done.stdout == b"went on\n"
    assert time.monotonic() - began < 25
    assert (b"kill -TERM" in done.stderr, b"kill -KILL -1" in done.stderr) == (True, not ended)


def test_only_accounts_are_asked_to_stop_their_apps_each_once() -> None:
    """Names of processes, and ids of its range, are an agent's to choose."""
    text = functions(SHARE / "services/.s6-svscan/SIGTERM").replace("seq 55", "seq 5")
    named = "builder,root,p001,p001,165536,p0011,appx"
    faked = (
        f"ps() {{ printf '%s conmon\\n' $(echo {named} | tr , ' '); echo p002 conmon x; }}; stop_apps() {{ echo $1; }}"
    )
    assert sorted(run("sh", f"{text}\n{faked}\nstop_all_apps; wait").stdout.split()) == [b"builder", b"p001"]


def test_the_end_is_told_also_when_no_process_may_begin_any_more() -> None:
    text = (SHARE / "services/.s6-svscan/SIGTERM").read_text().replace("s6-svscanctl", "/bin/echo reached")
    argv = ["prlimit", "--nproc=1", "sh", "-c", text]
    user = 64_321 if os.getuid() == 0 else None  # root has no such limit
    done = subprocess.run(argv, capture_output=True, check=False, timeout=120, user=user)
    assert done.stdout == b"reached -t /run/service\n"
    assert b"fork" in done.stderr


@pytest.mark.parametrize(
    ("listed", "told"), [(b'[{"id":"0f', b"yes"), (b"[", b"no")], ids=["with a container", "without one"]
)
def test_a_list_of_containers_without_end_takes_no_memory(tmp_path: Path, listed: bytes, told: bytes) -> None:
    """grep keeps a whole line."""
    (tmp_path / "as-account").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (tmp_path / "as-account").chmod(0o755)
    listing = tmp_path / "storage/overlay-containers/containers.json"
    listing.parent.mkdir(parents=True)
    listing.write_bytes(listed + b"x" * 60_000_000)
    text = functions(SHARE / "account/launch") + "\nname=p001; ulimit -v 40000; apps"
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, check=True, timeout=60)
    assert done.stdout == told + b"\n"


def opening(script: str) -> str:
    """What it does with the log, before anything of the account runs."""
    before, found, _ = (SHARE / script).read_text().partition("exec 2>&1\n")
    return before + found


@pytest.mark.parametrize("script", ["account/workbench", "network/pasta/run"])
def test_an_account_makes_the_log_refuse_for_itself_alone(script: str) -> None:
    reading, writing = os.pipe()
    refusing = f"{sys.executable} -ISc 'import os; os.set_blocking(1, False); os.set_blocking(2, False)'"
    text = f"{opening(script)}{refusing}; echo one; echo two >&2"
    subprocess.run(["sh", "-c", text], stdout=writing, stderr=writing, check=True, timeout=60)
    assert os.get_blocking(writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as log:
        assert log.read() == b"one\ntwo\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root's files are closed to another uid")
@pytest.mark.parametrize("script", ["account/workbench", "network/pasta/run"])
def test_a_log_that_cannot_be_opened_is_shared_as_it_is(script: str) -> None:
    argv = ["sh", "-c", f"{opening(script)}echo one; echo two >&2"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60, user=64_321)
    assert (done.stdout, done.stderr) == (b"one\ntwo\n", b"")


@pytest.mark.parametrize("script", ["account/workbench", "network/pasta/run"])
def test_a_log_without_a_reader_keeps_nobody_from_starting(script: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    text = f"{opening(script).replace('timeout 5', 'timeout 0.3')}touch {tmp_path}/went-on"
    subprocess.run(["sh", "-c", text], stdout=writing, check=True, timeout=60)
    os.close(writing)
    assert (tmp_path / "went-on").exists()


def test_nothing_begins_for_an_account_while_it_is_wiped(tmp_path: Path) -> None:
    """What root had begun before made its network anew, with a directory in the home of the next who got it."""
    script = (ROOT / "image/rootfs/usr/local/libexec/appx/network").read_text().replace("/run/", f"{tmp_path}/")
    begun = tmp_path / "begun"
    text = script.replace('\nmain "$@"\n', f'\nadd_service() {{ touch {begun}; }}\nready() {{ :; }}\nmain "$@"\n')
    for place in ("network", "accounts"):
        (tmp_path / place).mkdir()
    (tmp_path / "accounts/p001.ending").touch()
    argv = ["sh", "-c", text, "network", "up", "p001"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "network of p001: its account is being wiped\n")
    assert not begun.exists()
    (tmp_path / "accounts/p001.ending").unlink()
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
    assert begun.exists()
