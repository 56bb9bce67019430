"""What the server and the workbench write about themselves: one line for each thing, on standard error."""

import logging

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(*, verbose: bool = False) -> None:
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=FORMAT)
    for chatty in ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "anthropic", "google_genai", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
