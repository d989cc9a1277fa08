"""Signing in and out over HTTP, and what must not be possible."""

from __future__ import annotations

import ssl
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from openmimc.domain.operators import ATTEMPT_EVERY_MS, PEER_BURST, SESSION_MS, csrf_of
from tests.integration.admin.conftest import NAME, PASSWORD
from tests.integration.admin.console_server import Browser, ConsoleServer, csrf_in

OTHER = "another horse battery"


def cookies_of(answer: httpx.Response) -> dict[str, Morsel[str]]:
    """The cookies that an answer sets."""
    found: dict[str, Morsel[str]] = {}
    for line in answer.headers.get_list("set-cookie"):
        found |= SimpleCookie(line)
    return found


# ---------------------------------------------------------------- set-up


async def test_without_an_operator_every_way_leads_to_the_setup(server: ConsoleServer) -> None:
    browser = server.browser()

    first, second = await browser.get("/console"), await browser.get("/console/login")

    assert (first.status_code, first.headers["location"]) == (303, "/console/login")
    assert (second.status_code, second.headers["location"]) == (303, "/console/setup")
    assert 'name="code"' in (await browser.get("/console/setup")).text


async def test_the_code_makes_an_operator_who_is_signed_in(server: ConsoleServer) -> None:
    browser = server.browser()
    code = server.node.operators.new_setup_code()

    done = await browser.set_up(code, NAME, PASSWORD)

    assert (done.status_code, done.headers["location"]) == (303, "/console")
    assert await browser.is_signed_in()
    assert await server.browser().sign_in(NAME, PASSWORD)


async def test_the_setup_is_closed_once_it_is_done(server: ConsoleServer) -> None:
    code = server.node.operators.new_setup_code()
    late = server.browser()
    csrf = csrf_in(await late.get("/console/setup"))
    await server.browser().set_up(code, NAME, PASSWORD)

    form = {"csrf": csrf, "code": code, "name": "Eve", "password": PASSWORD, "again": PASSWORD}
    refused = await late.post("/console/setup", form)
    page = await late.get("/console/setup")

    assert refused.status_code == 403
    assert (page.status_code, page.headers["location"]) == (303, "/console/login")
    assert not await late.is_signed_in()
    assert [operator.name for operator in await server.node.operators.list()] == [NAME]


async def test_a_wrong_code_makes_nobody(server: ConsoleServer) -> None:
    server.node.operators.new_setup_code()
    browser = server.browser()

    refused = await browser.set_up("wrong-code", NAME, PASSWORD)

    assert refused.status_code == 403
    assert "This code is wrong" in refused.text
    assert "wrong-code" not in refused.text
    assert await server.node.operators.needs_setup()


async def test_a_restart_voids_the_code_of_the_start_before(server: ConsoleServer) -> None:
    code = server.node.operators.new_setup_code()
    await server.restart()
    server.node.operators.new_setup_code()

    refused = await server.browser().set_up(code, NAME, PASSWORD)

    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("name", "password", "again", "words"),
    [
        (" ", PASSWORD, None, "A name has 1 to 64 characters"),
        (NAME, "too short", None, "A password has 10 to 1,000 characters."),
        (NAME, PASSWORD, OTHER, "The two passwords are not the same."),
    ],
)
async def test_a_mistake_is_told_beside_its_field_and_the_rest_stays(
    server: ConsoleServer, name: str, password: str, again: str | None, words: str
) -> None:
    code = server.node.operators.new_setup_code()
    browser = server.browser()

    refused = await browser.set_up(code, name, password, again)

    assert refused.status_code == 400
    assert words in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert f'value="{code}"' in refused.text
    assert password not in refused.text
    assert (await browser.set_up(code, NAME, PASSWORD)).status_code == 303


# ---------------------------------------------------------------- sign-in


async def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(staffed: ConsoleServer) -> None:
    browser = staffed.browser()
    led = await browser.get("/console/password?x=1&y=%20z")
    page = await browser.http.get(led.headers["location"])
    form = {"csrf": csrf_in(page), "name": NAME, "password": PASSWORD}

    back = await browser.post("/console/login", form | {"next": "/console/password?x=1&y=%20z"})

    assert led.status_code == 303
    assert led.headers["location"].startswith("/console/login?next=/console/password")
    assert 'name="next" value="/console/password?x=1&amp;y=%20z"' in page.text
    assert (back.status_code, back.headers["location"]) == (303, "/console/password?x=1&y=%20z")


@pytest.mark.parametrize(
    "goal",
    [
        "https://elsewhere.example/console/",
        "//elsewhere.example/console/",
        "/console//elsewhere.example",
        "/console/\\elsewhere.example",
        "/console/\r\nset-cookie: x=y",
        "/api/account/token",
        "/console/login?next=/console/login",
        "/consoles",
        "javascript:alert(1)",
    ],
)
async def test_a_sign_in_leads_nowhere_but_into_the_console(staffed: ConsoleServer, goal: str) -> None:
    browser = staffed.browser()

    done = await browser.send("/console/login", name=NAME, password=PASSWORD, next=goal)

    assert (done.status_code, done.headers["location"]) == (303, "/console")


async def test_a_wrong_password_and_an_unknown_name_look_alike(staffed: ConsoleServer) -> None:
    pages = []
    for name in (NAME, "Eve"):
        browser = staffed.browser()
        refused = await browser.sign_in(name, OTHER)
        assert refused.status_code == 403
        assert OTHER not in refused.text
        assert not await browser.is_signed_in()
        pages.append(refused.text.replace(csrf_in(refused), "").replace(f'value="{name}"', ""))

    assert pages[0] == pages[1]
    assert "The name or the password is wrong." in pages[0]


async def test_a_sign_in_speaks_the_readers_language(staffed: ConsoleServer) -> None:
    browser = staffed.browser(**{"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"})

    refused = await browser.sign_in(NAME, OTHER)

    assert "用户名或密码错误。" in refused.text


async def test_a_name_is_shown_as_text(staffed: ConsoleServer) -> None:
    refused = await staffed.browser().sign_in('"><script>alert(1)</script>', OTHER)

    assert "<script>alert" not in refused.text
    assert "&lt;script&gt;" in refused.text


async def test_who_is_signed_in_is_not_asked_again(ana: Browser) -> None:
    led = await ana.get("/console/login")

    assert (led.status_code, led.headers["location"]) == (303, "/console")


async def test_a_session_planted_before_the_sign_in_is_not_the_one_after_it(staffed: ConsoleServer) -> None:
    """Session fixation: whoever knows the cookie from before knows nothing."""
    browser = staffed.browser()
    browser.http.cookies.set("openmimc-console", "planted", domain="127.0.0.1", path="/console")

    done = await browser.sign_in(NAME, PASSWORD)

    assert cookies_of(done)["openmimc-console"].value != "planted"
    stranger = staffed.browser()
    stranger.http.cookies.set("openmimc-console", "planted", domain="127.0.0.1", path="/console")
    assert not await stranger.is_signed_in()


async def test_a_second_sign_in_ends_the_session_it_replaces(staffed: ConsoleServer) -> None:
    browser = staffed.browser()
    page = await browser.get("/console/login")
    await browser.sign_in(NAME, PASSWORD)
    old = staffed.browser()
    old.http.cookies.update(browser.http.cookies)
    before = await old.is_signed_in()

    await browser.post("/console/login", {"csrf": csrf_in(page), "name": NAME, "password": PASSWORD})

    assert before
    assert await browser.is_signed_in()
    assert not await old.is_signed_in()


# ---------------------------------------------------------------- limits


async def test_who_guesses_has_to_wait_and_the_wait_ends(staffed: ConsoleServer) -> None:
    browser = staffed.browser()
    for _ in range(PEER_BURST):
        assert (await browser.sign_in(NAME, OTHER)).status_code == 403

    limited = await browser.sign_in(NAME, PASSWORD)
    staffed.clock.advance(int(limited.headers["retry-after"]) * 1000)
    let_in = await browser.sign_in(NAME, PASSWORD)

    assert limited.status_code == 429
    assert limited.headers["retry-after"] == str(ATTEMPT_EVERY_MS // 1000)
    assert "Too many attempts. Wait 30 seconds" in limited.text
    assert let_in.status_code == 303


async def test_clients_behind_our_proxy_are_counted_one_by_one(staffed: ConsoleServer) -> None:
    guesser = staffed.browser(**{"x-forwarded-for": "203.0.113.5, 198.51.100.1"})
    for number in range(PEER_BURST):
        await guesser.sign_in(f"name {number}", OTHER)

    spoofed = staffed.browser(**{"x-forwarded-for": "203.0.113.6, 198.51.100.1"})
    other = staffed.browser(**{"x-forwarded-for": "203.0.113.5, 198.51.100.2"})

    assert (await guesser.sign_in(NAME, PASSWORD)).status_code == 429
    assert (await spoofed.sign_in(NAME, PASSWORD)).status_code == 429
    assert (await other.sign_in(NAME, PASSWORD)).status_code == 303


async def test_who_is_no_proxy_of_ours_is_not_believed(tmp_path: Path) -> None:
    async with ConsoleServer(tmp_path, trusted_proxies="192.0.2.0/24") as server:
        await server.node.operators.create(NAME, PASSWORD)
        for number in range(PEER_BURST):
            await server.browser(**{"x-forwarded-for": f"203.0.113.{number}"}).sign_in(NAME, OTHER)
        limited = await server.browser(**{"x-forwarded-for": "203.0.113.99"}).sign_in(NAME, PASSWORD)
        page = await server.browser(**{"x-forwarded-proto": "https"}).get("/console/login")

    assert limited.status_code == 429
    assert not any(cookie["secure"] for cookie in cookies_of(page).values())


# ---------------------------------------------------------------- forms of others


FOREIGN = [
    {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://elsewhere.example"},
    {"origin": "null", "sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    "path", ["/console/sign-out", "/console/sign-out-everywhere", "/console/password", "/console/login"]
)
async def test_a_form_from_elsewhere_is_refused(ana: Browser, path: str, headers: dict[str, str]) -> None:
    """Even one that carries the right text."""
    cookie = "openmimc-visit" if path == "/console/login" else "openmimc-console"
    fields = {"csrf": csrf_of(ana.http.cookies[cookie]), "name": NAME, "old": PASSWORD}
    fields |= {"password": PASSWORD, "again": PASSWORD}

    refused = await ana.post(path, fields, headers)
    still_there = await ana.is_signed_in()
    from_here = await ana.post(path, fields)

    assert refused.status_code == 403
    assert still_there
    assert from_here.status_code == 303


@pytest.mark.parametrize("csrf", [None, "", "wrong", "ü"])
@pytest.mark.parametrize("path", ["/console/sign-out", "/console/sign-out-everywhere", "/console/password"])
async def test_a_form_without_the_sessions_text_is_refused(ana: Browser, path: str, csrf: str | None) -> None:
    fields = {"old": PASSWORD, "password": OTHER, "again": OTHER}
    if csrf is not None:
        fields["csrf"] = csrf

    refused = await ana.post(path, fields)

    assert refused.status_code == 403
    assert await ana.is_signed_in()


async def test_the_text_of_another_session_is_refused(staffed: ConsoleServer, ana: Browser) -> None:
    other = staffed.browser()
    await other.sign_in(NAME, PASSWORD)

    refused = await ana.post("/console/sign-out", {"csrf": csrf_in(await other.get("/console/password"))})

    assert refused.status_code == 403
    assert await ana.is_signed_in()


@pytest.mark.parametrize("path", ["/console/login", "/console/setup"])
async def test_nobody_is_signed_in_by_a_form_they_were_not_given(staffed: ConsoleServer, path: str) -> None:
    """Login CSRF: another site would have its victim work in the attacker's account."""
    code = staffed.node.operators.new_setup_code()
    theirs = csrf_in(await staffed.browser().get("/console/login"))
    victim = staffed.browser()
    fields = {"csrf": theirs, "name": NAME, "password": PASSWORD, "again": PASSWORD, "code": code}

    without_visit = await victim.post(path, fields)
    await victim.get("/console/login")
    with_visit = await victim.post(path, fields)

    assert (without_visit.status_code, with_visit.status_code) == (403, 403)
    assert not await victim.is_signed_in()


@pytest.mark.parametrize("headers", [{}, {"origin": "null"}])
async def test_a_browser_that_does_not_say_where_a_form_is_from_is_let_in_by_the_text(
    staffed: ConsoleServer, headers: dict[str, str]
) -> None:
    """Pages without a referrer send no origin, and over plain HTTP browsers say nothing else."""
    browser = staffed.browser()
    csrf = csrf_in(await browser.get("/console/login"))

    done = await browser.post("/console/login", {"csrf": csrf, "name": NAME, "password": PASSWORD}, headers)

    assert done.status_code == 303


@pytest.mark.parametrize("content", [b"\xff", b"csrf=%ff", b"&".join([b"a=b"] * 1000)])
async def test_what_is_no_form_is_refused(ana: Browser, content: bytes) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}

    refused = await ana.http.post("/console/sign-out", content=content, headers=kind)

    assert refused.status_code in (400, 403)
    assert await ana.is_signed_in()


async def test_a_get_signs_nobody_out(ana: Browser) -> None:
    await ana.get("/console/sign-out")

    assert await ana.is_signed_in()


async def test_pages_of_other_origins_can_read_nothing_of_the_console(ana: Browser) -> None:
    elsewhere = {"origin": "https://elsewhere.example"}

    answers = [
        await ana.http.request(method, path, headers=elsewhere)
        for method in ("GET", "OPTIONS", "POST")
        for path in ("/console", "/console/login", "/console/password", "/console/nothing", "/demo")
    ]

    assert not any("access-control-allow-origin" in answer.headers for answer in answers)


# ---------------------------------------------------------------- the end of sessions


async def test_signing_out_ends_the_session_and_not_only_the_cookie(
    staffed: ConsoleServer, ana: Browser
) -> None:
    copy = staffed.browser()
    copy.http.cookies.update(ana.http.cookies)
    before = await copy.is_signed_in()

    done = await ana.send("/console/password", "/console/sign-out")
    page = await ana.get(done.headers["location"])

    assert before
    assert cookies_of(done)["openmimc-console"]["max-age"] == "0"
    assert "You are signed out." in page.text
    assert not await ana.is_signed_in()
    assert not await copy.is_signed_in()


async def test_signing_out_everywhere_ends_all_sessions(staffed: ConsoleServer, ana: Browser) -> None:
    elsewhere = staffed.browser()
    await elsewhere.sign_in(NAME, PASSWORD)

    done = await ana.send("/console/password", "/console/sign-out-everywhere")
    page = await ana.get(done.headers["location"])

    assert "You are signed out in all browsers." in page.text
    assert not await ana.is_signed_in()
    assert not await elsewhere.is_signed_in()


async def test_a_session_ends_by_itself(staffed: ConsoleServer, ana: Browser) -> None:
    staffed.clock.advance(SESSION_MS - 1)
    before = await ana.is_signed_in()
    staffed.clock.advance(1)

    assert before
    assert not await ana.is_signed_in()


async def test_a_restart_ends_no_session(staffed: ConsoleServer, ana: Browser) -> None:
    page = await ana.get("/console/password")

    await staffed.restart()
    done = await ana.post("/console/sign-out", {"csrf": csrf_in(page)})

    assert (done.status_code, done.headers["location"]) == (303, "/console/login?out=here")


async def test_an_operator_removed_by_another_process_is_out_at_once(
    staffed: ConsoleServer, ana: Browser
) -> None:
    await staffed.node.operators.remove(NAME)

    assert not await ana.is_signed_in()


async def test_a_form_of_a_session_that_has_ended_leads_to_the_sign_in(
    staffed: ConsoleServer, ana: Browser
) -> None:
    csrf = csrf_in(await ana.get("/console/password"))
    await staffed.node.operators.sign_out_everywhere(NAME)

    led = await ana.post("/console/password", {"csrf": csrf, "old": PASSWORD, "password": OTHER})

    assert (led.status_code, led.headers["location"]) == (303, "/console/login")


# ---------------------------------------------------------------- the password


async def test_a_changed_password_keeps_this_browser_and_ends_the_others(
    staffed: ConsoleServer, ana: Browser
) -> None:
    elsewhere = staffed.browser()
    await elsewhere.sign_in(NAME, PASSWORD)

    done = await ana.send("/console/password", old=PASSWORD, password=OTHER, again=OTHER)
    page = await ana.get(done.headers["location"])

    assert "Your password is changed." in page.text
    assert await ana.is_signed_in()
    assert not await elsewhere.is_signed_in()
    assert (await elsewhere.sign_in(NAME, PASSWORD)).status_code == 403
    assert (await elsewhere.sign_in(NAME, OTHER)).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "status", "words"),
    [
        (OTHER, "a third password", None, 403, "This is not your password."),
        (PASSWORD, "too short", None, 400, "A password has 10 to 1,000 characters."),
        (PASSWORD, OTHER, OTHER + "!", 400, "The two passwords are not the same."),
    ],
)
async def test_a_password_that_is_not_changed_stays(
    staffed: ConsoleServer, ana: Browser, old: str, new: str, again: str | None, status: int, words: str
) -> None:
    refused = await ana.send("/console/password", old=old, password=new, again=new if again is None else again)

    assert refused.status_code == status
    assert words in refused.text
    assert await ana.is_signed_in()
    assert (await staffed.browser().sign_in(NAME, PASSWORD)).status_code == 303


# ---------------------------------------------------------------- cookies


async def test_over_plain_http_cookies_are_for_the_console_alone(ana: Browser, staffed: ConsoleServer) -> None:
    page = await staffed.browser().get("/console/login")
    done = await staffed.browser().sign_in(NAME, PASSWORD)

    for name, cookie in (cookies_of(page) | cookies_of(done)).items():
        assert name in ("openmimc-visit", "openmimc-console")
        assert cookie["httponly"]
        assert cookie["samesite"].lower() == "strict"
        assert cookie["path"] == "/console"
        assert not cookie["secure"]


async def test_over_tls_cookies_are_secure_and_of_this_host(
    tls_server: tuple[ConsoleServer, ssl.SSLContext],
) -> None:
    server, ca = tls_server
    browser = server.browser(ca)

    page = await browser.get("/console/login")
    done = await browser.sign_in(NAME, PASSWORD)

    assert await browser.is_signed_in()
    cookies = cookies_of(page) | cookies_of(done)
    assert set(cookies) == {"__Host-openmimc-visit", "__Host-openmimc-console"}
    for cookie in cookies.values():
        assert cookie["httponly"]
        assert cookie["secure"]
        assert cookie["samesite"].lower() == "strict"
        assert cookie["path"] == "/"
        assert not cookie["domain"]


async def test_over_tls_a_cookie_that_a_neighbour_planted_counts_for_nothing(
    tls_server: tuple[ConsoleServer, ssl.SSLContext],
) -> None:
    server, ca = tls_server
    sign_in = await server.node.operators.sign_in(NAME, PASSWORD, peer="192.0.2.1")
    browser = server.browser(ca)
    browser.http.cookies.set("openmimc-console", sign_in.token, domain="127.0.0.1", path="/")

    assert not await browser.is_signed_in()


async def test_behind_a_proxy_with_tls_cookies_are_secure(staffed: ConsoleServer) -> None:
    browser = staffed.browser(**{"x-forwarded-proto": "https"})

    cookies = cookies_of(await browser.get("/console/login"))

    assert cookies["__Host-openmimc-visit"]["secure"]


async def test_behind_a_proxy_the_host_is_the_one_that_the_browser_knows(staffed: ConsoleServer) -> None:
    browser = staffed.browser(**{"x-forwarded-host": "chat.example.com"})
    csrf = csrf_in(await browser.get("/console/login"))
    form = {"csrf": csrf, "name": NAME, "password": PASSWORD}

    wrong = await browser.post("/console/login", form, {"origin": "https://chat.example.org"})
    right = await browser.post("/console/login", form, {"origin": "https://chat.example.com"})

    assert (wrong.status_code, right.status_code) == (403, 303)


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_is_not_signed_in_does_not_learn_which_pages_there_are(
    staffed: ConsoleServer, method: str
) -> None:
    browser = staffed.browser()

    answer = await browser.http.request(method, "/console/no/such/page")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")


async def test_an_address_that_leads_nowhere_says_so_in_words(ana: Browser) -> None:
    answer = await ana.get("/console/no/such/page")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


async def test_every_answer_binds_the_browser(ana: Browser, staffed: ConsoleServer) -> None:
    stranger = staffed.browser()
    answers = [
        await stranger.get("/console/login"),
        await stranger.sign_in(NAME, OTHER),
        await ana.get("/console/password"),
        await ana.get("/console/no/such/page"),
        await ana.post("/console/sign-out", {}),
    ]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_logs_say_who_did_what_and_nothing_secret(staffed: ConsoleServer) -> None:
    browser = staffed.browser(**{"x-forwarded-for": "203.0.113.9"})
    with capture_logs() as logs:
        await browser.sign_in(PASSWORD, "in the wrong field")
        await browser.sign_in(NAME, PASSWORD)
        token = browser.http.cookies["openmimc-console"]
        await browser.send("/console/password", old="not this one", password=OTHER, again=OTHER)
        await browser.send("/console/password", old=PASSWORD, password=OTHER, again=OTHER)
        await browser.post("/console/sign-out", {"csrf": "foreign"})
        await browser.send("/console/password", "/console/sign-out-everywhere")

    assert [entry["event"] for entry in logs] == [
        "sign_in_refused",
        "signed_in",
        "password_not_changed",
        "password_changed",
        "foreign_form",
        "signed_out_everywhere",
    ]
    assert logs[0]["peer"] == "203.0.113.9"
    assert logs[1]["operator"] == NAME
    for secret in (PASSWORD, OTHER, "in the wrong field", "not this one", token):
        assert secret not in repr(logs)


async def test_a_page_that_breaks_is_answered_in_words_and_logged_without_its_form(
    staffed: ConsoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is on fire")

    browser = staffed.browser()
    csrf = csrf_in(await browser.get("/console/login"))
    monkeypatch.setattr(staffed.node.operators, "sign_in", broken)

    with capture_logs() as logs:
        answer = await browser.post("/console/login", {"csrf": csrf, "name": NAME, "password": PASSWORD})

    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert "fire" not in answer.text
    assert [entry["event"] for entry in logs] == ["unexpected_error"]
    assert PASSWORD not in repr(logs)


# ---------------------------------------------------------------- on or off


async def test_without_the_console_there_is_nothing_of_it(tmp_path: Path) -> None:
    async with ConsoleServer(tmp_path, console="off") as server:
        browser = server.browser()
        answers = [await browser.get(path) for path in ("/console", "/console/login", "/console/setup")]
        health = await browser.get("/healthz")

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert health.status_code == 200
