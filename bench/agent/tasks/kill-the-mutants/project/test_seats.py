import unittest

from seats import neighbours, price


class SeatsTest(unittest.TestCase):
    def test_a_price(self):
        self.assertEqual(price(3, 40), 3000)

    def test_neighbours(self):
        self.assertEqual(neighbours(10), [9, 11])
