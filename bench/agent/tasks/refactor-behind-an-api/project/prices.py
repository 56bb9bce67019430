"""Prices with tax, in whole cents."""


def book_price(cents, count=1, *, country="DE"):
    if not isinstance(cents, int) or cents < 0:
        raise ValueError("cents must be a whole number from 0 on")
    if not isinstance(count, int) or count < 1:
        raise ValueError("count must be a whole number from 1 on")
    if country == "DE":
        rate = 7
    elif country == "AT":
        rate = 10
    elif country == "CH":
        rate = 3
    else:
        raise ValueError(f"unknown country {country}")
    tax = (cents * count * rate + 50) // 100
    return cents * count + tax


def food_price(cents, count=1, *, country="DE"):
    if not isinstance(cents, int) or cents < 0:
        raise ValueError("cents must be a whole number from 0 on")
    if not isinstance(count, int) or count < 1:
        raise ValueError("count must be a whole number from 1 on")
    if country == "DE":
        rate = 7
    elif country == "AT":
        rate = 10
    elif country == "CH":
        rate = 3
    else:
        raise ValueError(f"unknown country {country}")
    tax = (cents * count * rate + 50) // 100
    if country == "AT" and count >= 10:
        return cents * count + tax - 1
    return cents * count + tax


def other_price(cents, count=1, *, country="DE"):
    if not isinstance(cents, int) or cents < 0:
        raise ValueError("cents must be a whole number from 0 on")
    if not isinstance(count, int) or count < 1:
        raise ValueError("count must be a whole number from 1 on")
    if country == "DE":
        rate = 19
    elif country == "AT":
        rate = 20
    elif country == "CH":
        rate = 8
    else:
        raise ValueError(f"unknown country {country}")
    tax = (cents * count * rate + 50) // 100
    return cents * count + tax
