"""Logins and baskets of the shop."""

import logging

log = logging.getLogger("app")
CUSTOMERS = {}
BASKETS = {}


def register(number, mail):
    """A new customer. Mail addresses are the same in capitals and in small letters."""
    CUSTOMERS[mail.lower().split("+")[0]] = number
    log.info("registered %s as %s", mail, number)


def login(mail):
    """The number of the customer, or None."""
    number = CUSTOMERS.get(mail.strip().lower())
    log.info("login %s: %s", mail, number)
    return number


def basket(number, items=[]):
    """The customer's basket, to which ``items`` are added."""
    found = BASKETS.setdefault(number, items)
    if found is not items:
        found.extend(items)
    log.info("basket of %s: %s", number, found)
    return found
