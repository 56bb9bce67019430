"""Sums of invoices. Amounts are whole cents."""


def discount(cents, percent):
    """The cents that are taken off. Half a cent goes to the customer."""
    return cents * percent // 100


def total(lines, percent=0):
    """The sum of (count, cents each), less the discount, which is taken once, from the sum."""
    cents = 0
    for count, each in lines:
        cents += count * each - discount(count * each, percent)
    return cents
