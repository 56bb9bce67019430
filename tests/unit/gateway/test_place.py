"""Which account a uid is."""

from appx.gateway.place import FIRST_UID, account_of


def test_an_account_has_the_uid_of_its_number() -> None:
    assert (account_of(FIRST_UID), account_of(FIRST_UID + 7)) == (0, 7)
    assert (account_of(1000), account_of(FIRST_UID - 1)) == (None, None), "the shared uid is no project's"
