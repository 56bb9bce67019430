"""The models of the providers that appx knows by itself.

Names, windows and prices are those of the package genai-prices, thinking levels and the limits of a reply those of
pydantic-ai's profiles (OpenAI's and Google's limits are from their documentation); a test compares. Where a price is
known to change at a date, the later one stands here. Gemini 3 and 4 have no ``off``: they would think a little all the
same. The first model of a provider is its default.
"""

from functools import partial

from appx.domain.messages import ThinkingLevel
from appx.models.catalogue import ModelInfo, Prices

LOW: tuple[ThinkingLevel, ...] = ("low", "medium", "high")
TOP: tuple[ThinkingLevel, ...] = (*LOW, "xhigh")
BUDGETS: tuple[ThinkingLevel, ...] = ("minimal", *LOW)

PROVIDER_NAMES = {"anthropic": "Anthropic", "openai": "OpenAI", "google": "Google Gemini"}

_thinker = partial(ModelInfo, reasoning=True, input=("text", "image"), default_thinking="medium")
_claude = partial(
    _thinker, provider="anthropic", api="anthropic-messages", context_window=1_000_000, max_tokens=128_000
)
_gpt = partial(
    _thinker,
    provider="openai",
    api="openai-responses",
    context_window=1_050_000,
    max_tokens=128_000,
    long_from=272_000,
    thinking_values={"off": "none"},
)
_gemini = partial(_thinker, provider="google", api="google-generative-ai", context_window=1_000_000, max_tokens=65_536)


def _usd(input_: float, output: float, cache_read: float, cache_write: float = 0.0) -> Prices:
    return Prices(input=input_, output=output, cache_read=cache_read, cache_write=cache_write)


BUILTIN: tuple[ModelInfo, ...] = (
    _claude(id="claude-sonnet-5-5", name="Claude Sonnet 5.5", thinking=("off", *TOP), prices=_usd(2, 10, 0.1, 2.5)),
    _claude(id="claude-opus-5-5", name="Claude Opus 5.5", thinking=TOP, prices=_usd(4, 20, 0.2, 5)),
    _claude(id="claude-fable-5-2", name="Claude Fable 5.2", thinking=TOP, prices=_usd(8, 40, 0.2, 10)),
    _claude(
        id="claude-haiku-5-5",
        name="Claude Haiku 5.5",
        thinking=("off", *TOP),
        prices=_usd(0.1, 0.5, 0.01, 0.125),
        long_prices=_usd(0.5, 2.5, 0.05, 0.625),
        long_from=100_000,
    ),
    _claude(id="claude-opus-5", name="Claude Opus 5", thinking=("off", *TOP), prices=_usd(5, 25, 0.5, 6.25)),
    _claude(id="claude-sonnet-5", name="Claude Sonnet 5", thinking=("off", *TOP), prices=_usd(2, 10, 0.2, 2.5)),
    _claude(
        id="claude-haiku-4-5",
        name="Claude Haiku 4.5",
        context_window=200_000,
        max_tokens=64_000,
        thinking=("off", *BUDGETS),
        prices=_usd(1, 5, 0.1, 1.25),
    ),
    _gpt(
        id="gpt-6.1-sol",
        name="GPT-6.1 Sol",
        thinking=TOP,
        prices=_usd(2, 10, 0.1, 2.5),
        long_prices=_usd(4, 15, 0.2, 5),
    ),
    _gpt(
        id="gpt-6.1-terra",
        name="GPT-6.1 Terra",
        thinking=("off", *TOP),
        prices=_usd(1, 5, 0.05, 1.25),
        long_prices=_usd(2, 7.5, 0.1, 2.5),
    ),
    _gpt(
        id="gpt-6-luna",
        name="GPT-6 Luna",
        thinking=("off", *TOP),
        prices=_usd(0.1, 0.5, 0.01, 0.125),
        long_prices=_usd(0.2, 0.75, 0.02, 0.25),
    ),
    _gpt(
        id="gpt-6-astra",
        name="GPT-6 Astra",
        thinking=TOP,
        prices=_usd(10, 50, 1, 12.5),
        long_prices=_usd(20, 75, 2, 25),
    ),
    _gpt(
        id="gpt-5.5",
        name="GPT-5.5",
        context_window=1_000_000,
        thinking=("off", *TOP),
        prices=_usd(5, 30, 0.5),
        long_prices=_usd(10, 45, 1),
    ),
    _gpt(
        id="gpt-5.4-mini",
        name="GPT-5.4 mini",
        context_window=400_000,
        thinking=("off", *TOP),
        prices=_usd(0.75, 4.5, 0.075),
    ),
    _gemini(
        id="gemini-4-argon",
        name="Gemini 4 Argon",
        context_window=1_048_576,
        thinking=LOW,
        prices=_usd(4, 20, 0.2),
    ),
    _gemini(id="gemini-3.8-flash", name="Gemini 3.8 Flash", thinking=LOW, prices=_usd(1.5, 7.5, 0.15)),
    _gemini(id="gemini-3.5-flash", name="Gemini 3.5 Flash", thinking=BUDGETS, prices=_usd(1.5, 9, 0.15)),
    _gemini(
        id="gemini-3.5-flash-lite",
        name="Gemini 3.5 Flash Lite",
        thinking=BUDGETS,
        prices=_usd(0.3, 2.5, 0.03),
    ),
    _gemini(
        id="gemini-2.5-flash",
        name="Gemini 2.5 Flash",
        context_window=1_048_576,
        thinking=("off", *BUDGETS),
        prices=_usd(0.3, 2.5, 0.03),
    ),
)


def known(model_id: str) -> ModelInfo | None:
    """What is known of a model by the last part of its id: ``openai/gpt-5.5`` is ``gpt-5.5``."""
    name = model_id.rsplit("/", 1)[-1]
    return next((info for info in BUILTIN if info.id == name), None)
