"""The settings: one field is one variable, its docstring is the manual."""
