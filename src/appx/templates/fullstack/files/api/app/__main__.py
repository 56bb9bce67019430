"""Run the API: python -m app."""

import os

import uvicorn

from app.main import make_app

if __name__ == "__main__":
    uvicorn.run(make_app(os.environ["DATABASE_URL"]), host="0.0.0.0", port=int(os.environ.get("PORT", "8000")))
