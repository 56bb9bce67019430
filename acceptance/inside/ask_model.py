"""An app that asks a model: python3 ask_model.py BASE_URL PATH [BODY]. Prints status and body; 1 unless it is 200."""

import os
import sys
import urllib.error
import urllib.request

base, path, *body = sys.argv[1:]
request = urllib.request.Request(base + path, data=body[0].encode() if body else None)  # noqa: S310  http, by us
request.add_header("Authorization", f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}")  # noqa: TID251  an app
request.add_header("Content-Type", "application/json")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=200) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
    sys.exit(1)
except OSError as error:
    print("no answer:", error)
    sys.exit(1)
