"""The page that the scripted demo builds: one file, no script, no outside resource."""

from collections.abc import Sequence
from html import escape

TITLE_LENGTH = 72

_STYLE = """\
:root { color-scheme: light dark; --ink: #17202a; --soft: #5d6b7a; --paper: #fbfaf7; --card: #fff; --line: #e4e0d8;
  --accent: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef1f4; --soft: #9aa7b4; --paper: #14181d; --card: #1c2229;
  --line: #2c343d; --accent: #fb923c; } }
* { box-sizing: border-box; margin: 0; }
body { min-height: 100vh; display: grid; place-items: center; padding: 2rem 1.25rem; background: var(--paper);
  color: var(--ink); font: 1.05rem/1.65 ui-serif, Georgia, "Times New Roman", serif; }
main { width: min(44rem, 100%); }
.kicker { font: 600 .8rem/1 ui-sans-serif, system-ui, sans-serif; letter-spacing: .12em; text-transform: uppercase;
  color: var(--accent); }
h1 { margin: .9rem 0 1.6rem; font-size: clamp(2rem, 6vw, 3.4rem); line-height: 1.1; text-wrap: balance;
  overflow-wrap: anywhere; }
ol { list-style: none; padding: 0; display: grid; gap: .8rem; }
li { padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-left: .25rem solid
  var(--accent); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 2rem; color: var(--soft); font: .9rem/1.5 ui-sans-serif, system-ui, sans-serif; }
"""


def page(project: str, prompts: Sequence[str]) -> str:
    """An HTML page of what the person asked for. Nothing of it is taken as HTML."""
    title = escape(_title(prompts[0]))
    kicker = escape(project) or "appx"
    wishes = "\n".join(f"      <li>{escape(prompt.strip())}</li>" for prompt in prompts)
    return f"""\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <style>
{_STYLE}    </style>
  </head>
  <body>
    <main>
      <p class="kicker">{kicker}</p>
      <h1>{title}</h1>
      <ol>
{wishes}
      </ol>
      <footer>Built and run by appx. This is its scripted demo: no language model wrote it.</footer>
    </main>
  </body>
</html>
"""


def _title(prompt: str) -> str:
    line = next((line.strip() for line in prompt.splitlines() if line.strip()), "An app")
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
