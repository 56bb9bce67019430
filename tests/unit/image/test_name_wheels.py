"""What pip keeps by an address gets the name by which it is found without a network."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local/libexec/appx/name_wheels.py"


def keep(cache: Path, user: str, key: str, files: dict[str, str]) -> Path:
    """As pip keeps a wheel that it fetched: by the sum of its address, beside what the index said of it."""
    body = cache / user / "pip/http-v2" / key[0] / key[1] / f"{key}.body"
    body.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    body.with_suffix("").write_bytes(b"what the index said")
    return body


def name(cache: Path) -> list[str]:
    (cache / "wheels").mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-IS", str(SCRIPT), str(cache)], check=True)
    return sorted(each.name for each in (cache / "wheels").iterdir())


@pytest.mark.parametrize(
    ("directory", "text", "expected"),
    [
        ("six-1.17.0", "Tag: py2-none-any\nTag: py3-none-any\n", "six-1.17.0-py2.py3-none-any.whl"),
        ("a_b-2!1.0+local", "Build: 1x\r\nTag: cp313-cp313-linux_x86_64\r\n",
         "a_b-2!1.0+local-1x-cp313-cp313-linux_x86_64.whl"),
        ("x-1", "Tag: cp39-abi3-manylinux_2_17_x86_64\nTag: cp39-abi3-manylinux2014_x86_64\n",
         "x-1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
    ],
)  # fmt: skip
def test_a_wheel_is_named_by_what_it_says_of_itself(tmp_path: Path, directory: str, text: str, expected: str) -> None:
    body = keep(tmp_path, "root", "ab12", {"a.py": "", f"{directory}.dist-info/WHEEL": text})
    assert name(tmp_path) == [expected]
    assert (tmp_path / "wheels" / expected).samefile(body), "no second copy"
    assert name(tmp_path) == [expected], "once"


def test_what_is_no_wheel_is_left_alone_and_keeps_none_from_its_name(tmp_path: Path) -> None:
    good = {"x-1.dist-info/WHEEL": "Tag: py3-none-any\n"}
    keep(tmp_path, "root", "aa", {"some.txt": ""})
    keep(tmp_path, "root", "bb", {"x-2.dist-info/WHEEL": "no tag"})
    keep(tmp_path, "root", "cc", {"../../x-3.dist-info/WHEEL": "Tag: py3-none-any\n"})
    keep(tmp_path, "root", "dd", {"x-4.dist-info/WHEEL": "Tag: ../../e-none-any\n"})
    keep(tmp_path, "root", "ee", good).write_bytes(b"a page")
    outside = keep(tmp_path / "other", "root", "ff", {"x-5.dist-info/WHEEL": "Tag: py3-none-any\n"})
    (tmp_path / "root/pip/http-v2/link.body").symlink_to(outside)
    keep(tmp_path, "app", "gg", good)
    assert name(tmp_path) == ["x-1-py3-none-any.whl"]
