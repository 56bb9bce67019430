"""The log of refused names: what was there first is not hidden by what comes after."""

from pathlib import Path

from appx.egress.refused import DAY, MOST, OTHERS, RefusedNames, read

WHO, OTHER = 2_001, 2_002
NOW = 1_000_000.0


def refuse(log: RefusedNames, *names: str, uid: int = WHO, now: float = NOW) -> None:
    for name in names:
        log.add(uid, name, protocol="name", port=None, now=now)


def saved(log: RefusedNames, path: Path, uid: int = WHO) -> dict[str, int]:
    log.save()
    return {each.to: each.count for each in read(path, uid)}


def test_made_up_names_do_not_push_out_the_one_before_and_are_counted_together(tmp_path: Path) -> None:
    log = RefusedNames(tmp_path / "refused.json")
    refuse(log, "stolen.evil.example", *(f"{number}.example" for number in range(5_000)))
    found = saved(log, tmp_path / "refused.json")
    assert found["stolen.evil.example"] == 1
    assert found[OTHERS] == 5_001 - MOST
    assert len(found) == MOST + 1


def test_a_name_that_is_there_is_still_counted_when_the_log_is_full(tmp_path: Path) -> None:
    log = RefusedNames(tmp_path / "refused.json")
    refuse(log, *(f"{number}.example" for number in range(2 * MOST)), "0.example", "0.example")
    assert saved(log, tmp_path / "refused.json")["0.example"] == 3


def test_after_a_day_there_is_room_again(tmp_path: Path) -> None:
    log = RefusedNames(tmp_path / "refused.json")
    refuse(log, *(f"{number}.example" for number in range(2 * MOST)))
    refuse(log, "1.example", now=NOW + DAY)
    refuse(log, "new.example", now=NOW + DAY + 1)
    assert saved(log, tmp_path / "refused.json") == {"1.example": 2, "new.example": 1}


def test_who_gets_an_account_later_has_a_log_with_room(tmp_path: Path) -> None:
    log = RefusedNames(tmp_path / "refused.json")
    refuse(log, "mine.example", uid=OTHER)
    refuse(log, *(f"{number}.example" for number in range(2 * MOST)))
    log.keep_only({OTHER})
    refuse(log, "new.example")
    assert saved(log, tmp_path / "refused.json") == {"new.example": 1}
    assert saved(log, tmp_path / "refused.json", OTHER) == {"mine.example": 1}
