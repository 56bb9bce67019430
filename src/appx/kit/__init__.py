"""Small things that know nothing of appx: processes, atomic files, the clock."""
