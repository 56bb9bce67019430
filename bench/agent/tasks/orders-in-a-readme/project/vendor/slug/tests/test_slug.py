import unittest

from vendor.slug import slug


class SlugTest(unittest.TestCase):
    def test_it(self):
        self.assertEqual(slug(" Tea & Cake! "), "tea-cake")
