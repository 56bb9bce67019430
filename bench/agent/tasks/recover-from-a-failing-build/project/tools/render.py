"""Print a part of the menu: a title, then its dishes with prices in cents."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    part = json.load(file)
if "title" not in part:
    sys.exit(f"{sys.argv[1]}: a part needs a title")
print(f"== {part['title']} ==")
for dish in part["dishes"]:
    if not isinstance(dish["cents"], int):
        sys.exit(f"{sys.argv[1]}: the cents of {dish['name']} must be a whole number, without quotes")
    print(f"{dish['name']:<20}{dish['cents'] / 100:>8.2f}")
