# Part of names, by the names people.
"""Tests of whole names."""

import unittest

from full_name import full_name


class FullNameTest(unittest.TestCase):
    """Of two parts."""

    def test_two_parts(self) -> None:
        """They get one space between them."""
        self.assertEqual(full_name(" Ada", "King "), "Ada King")
