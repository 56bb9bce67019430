import unittest

from invoice import discount, total


class InvoiceTest(unittest.TestCase):
    def test_half_a_cent_goes_to_the_customer(self):
        self.assertEqual(discount(150, 3), 5)

    def test_less_than_half_a_cent_does_not(self):
        self.assertEqual(discount(110, 3), 3)

    def test_the_discount_is_taken_from_the_sum(self):
        self.assertEqual(total([(1, 33), (1, 33), (1, 34)], 10), 90)

    def test_nothing_costs_nothing(self):
        self.assertEqual(total([], 10), 0)


if __name__ == "__main__":
    unittest.main()
