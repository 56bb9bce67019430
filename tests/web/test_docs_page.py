"""The documentation page in a real browser, under the policy that it is sent with."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.flows.api import Api, serving

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_A_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
WITHIN = 30_000


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path / "workspace") as api:
        yield api


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"])
        yield browser
        await browser.close()


async def opened(browser: Browser, api: Api, complaints: list[str]) -> Page:
    page = await (await browser.new_context()).new_page()
    page.set_default_timeout(WITHIN)
    page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} {request.failure}"))
    path = (await api.ok("POST", "/v1/login-codes"))["path"]
    await page.goto(f"{api.http.base_url}".rstrip("/") + path)
    return page


@NEEDS_A_BROWSER
async def test_the_page_shows_the_api_and_tries_it_out_and_breaks_no_rule(api: Api, browser: Browser) -> None:
    complaints: list[str] = []
    page = await opened(browser, api, complaints)
    assert page.url.endswith("/docs")
    await page.get_by_text("appx agent-server").first.wait_for()
    await page.locator("#operations-service-healthCheck").click()
    await page.locator("#operations-service-healthCheck").get_by_role("button", name="Execute").click()
    await page.locator("#operations-service-healthCheck .live-responses-table").wait_for()
    told = await page.locator("#operations-service-healthCheck .live-responses-table").inner_text()
    assert '"service": "agent-server"' in told
    await page.locator("#operations-projects-createProject").click()
    body = page.locator("#operations-projects-createProject textarea").first
    await body.fill('{"name": "From the page"}')
    await page.locator("#operations-projects-createProject").get_by_role("button", name="Execute").click()
    await page.locator("#operations-projects-createProject .live-responses-table").wait_for()
    assert [each["name"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["From the page"]
    assert complaints == []


@NEEDS_A_BROWSER
async def test_a_script_in_the_page_does_not_run(api: Api, browser: Browser) -> None:
    """Else the test above would prove nothing."""
    complaints: list[str] = []
    page = await opened(browser, api, complaints)
    await page.get_by_text("appx agent-server").first.wait_for()
    await page.evaluate(
        "() => { const made = document.createElement('script'); made.textContent = 'window.ran = true';"
        " document.body.append(made) }"
    )
    assert await page.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in each for each in complaints)


@NEEDS_A_BROWSER
async def test_a_page_of_another_port_can_neither_frame_nor_call_nor_read_the_api(api: Api, browser: Browser) -> None:
    """An app runs on another port of the same host, which is the same site to a browser: the cookie goes along."""
    complaints: list[str] = []
    page = await opened(browser, api, complaints)
    own = str(api.http.base_url).rstrip("/")
    foreign = await page.context.new_page()
    await foreign.route("**/app", lambda route: route.fulfill(content_type="text/html", body="<p>An app</p>"))
    await foreign.goto(own.rpartition(":")[0] + ":9/app")
    told = await foreign.evaluate(
        """async own => {
            const out = {};
            const tried = async (name, what) => { try { out[name] = await what() } catch (error) { out[name] = 'no' } };
            await tried('read', async () => (await fetch(own + '/v1/projects', {credentials: 'include'})).status);
            await tried('change', async () => (await fetch(own + '/v1/projects', {method: 'POST', mode: 'no-cors',
                credentials: 'include', headers: {'Content-Type': 'text/plain'}, body: '{"name": "stolen"}'})).type);
            await tried('script', () => new Promise((good, bad) => { const made = document.createElement('script');
                made.src = own + '/openapi.json'; made.onload = () => good('loaded'); made.onerror = bad;
                document.body.append(made) }));
            const frame = document.createElement('iframe'); frame.src = own + '/docs'; document.body.append(frame);
            await new Promise(done => { frame.onload = done; frame.onerror = done; setTimeout(done, 5000) });
            return out;
        }""",
        own,
    )
    assert told["read"] == "no"
    assert told["script"] in ("no", "loaded"), "it is open, and of a type that no browser runs"
    framed = [await each.content() for each in foreign.frames if each != foreign.main_frame]
    assert not any("swagger" in each for each in framed)
    assert (await api.ok("GET", "/v1/projects"))["projects"] == []
