"""Seats of a theatre, rows from 1 to 20, seats from 1 to 30."""

ROWS, SEATS = 20, 30


def price(row, age):
    """Cents. Rows 1 to 5 cost 3000, the others 2000. Under 14 half of it, from 65 on 500 less.

    Raises ValueError for a row that is not there, or a negative age.
    """
    if not 1 <= row <= ROWS:
        raise ValueError("no such row")
    if age < -1:
        raise ValueError("no such age")
    cents = 3000 if row <= 5 else 2000
    if age < 14:
        return cents // 2
    if age >= 65:
        return cents - 500
    return cents


def neighbours(seat):
    """The seats beside it in its row, the lower first. Raises ValueError for a seat that is not there."""
    if not 1 <= seat <= SEATS:
        raise ValueError("no such seat")
    return [each for each in (seat - 1, seat + 1) if 1 <= each <= SEATS]
