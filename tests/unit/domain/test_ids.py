from uuid import UUID

from appx.domain.ids import uuid7


def test_ids_sort_by_the_millisecond_in_which_they_were_made() -> None:
    ids = [uuid7() for _ in range(2_000)]

    assert len(set(ids)) == len(ids)
    assert all(UUID(each).version == 7 and UUID(each).variant == "specified in RFC 4122" for each in ids)
    times = [UUID(each).int >> 80 for each in ids]
    assert times == sorted(times)
