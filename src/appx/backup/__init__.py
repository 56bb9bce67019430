"""Everything in one file, and back: the archive, how it is made, how it is put in place."""
