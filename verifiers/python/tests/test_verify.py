"""What the cases cannot say: lookups, guards, streams and text of several kinds."""

from __future__ import annotations

import unittest

from countersign_verify import Options, Reason, Refused, Request, Scheme, Verification, verify

from .signing import KEY, NOW, SECRET, lookup, signed


def request(body: object = b"abc", target: str = "/a?b=c") -> Request:
    return Request("POST", target, list(signed("POST", "/a?b=c", b"abc").items()), body)


class TestVerify(unittest.TestCase):
    def test_a_lookup_may_give_one_secret_or_many_or_none(self) -> None:
        for secrets in (SECRET, SECRET.encode(), [SECRET], ("other", SECRET), iter([SECRET])):
            self.assertEqual(verify(request(), lambda *_: secrets, now=NOW).key, KEY)
        for secrets in (None, [], "", [""], ()):
            self.assert_refused(Reason.UNKNOWN_KEY, lambda *_: secrets)

    def test_a_lookup_is_asked_once_with_scheme_and_key(self) -> None:
        asked = []
        verify(request(), lambda *question: asked.append(question) or SECRET, now=NOW)
        self.assertEqual(asked, [(Scheme.HMAC, KEY)])

    def test_what_a_lookup_raises_is_passed_on(self) -> None:
        def broken(scheme: Scheme, key: str) -> str:
            raise ConnectionError("the store is gone")

        with self.assertRaises(ConnectionError):
            verify(request(), broken, now=NOW)

    def test_a_guard_is_told_until_when_to_remember(self) -> None:
        asked = []
        options = Options(replay_guard=lambda *question: asked.append(question) or True)
        verify(request(), lookup, options, now=NOW)
        ((key, signature, expires_at),) = asked
        self.assertEqual((key, len(signature), expires_at), (KEY, 64, NOW + 900))
        asked.clear()
        with self.assertRaises(Refused):
            verify(request(b"other"), lookup, options, now=NOW)
        self.assertEqual(asked, [])

    def test_headers_and_target_may_be_bytes(self) -> None:
        text = request()
        headers = [(name.encode(), value.encode()) for name, value in text.headers]
        as_bytes = Request("POST", b"/a?b=c", headers, b"abc")
        self.assertTrue(verify(as_bytes, lookup, now=NOW).payload_signed)

    def test_a_fraction_of_a_second_does_not_count(self) -> None:
        self.assertEqual(verify(request(), lookup, now=NOW + 900.9).key, KEY)

    def test_a_stream_is_not_read_before_the_rest_is_right(self) -> None:
        class Untouchable:
            def read(self, size: int) -> bytes:
                raise AssertionError("read")

        self.assert_refused(Reason.CLOCK_SKEW, lookup, Untouchable(), now=NOW + 1000)

    def test_a_stream_is_read_no_further_than_the_limit(self) -> None:
        class Endless:
            given = 0

            def read(self, size: int) -> bytes:
                self.given += size
                return b"x" * size

        endless = Endless()
        options = Options(body_bytes_max=100_000)
        self.assert_refused(Reason.BODY_TOO_LARGE, lookup, endless, options)
        self.assertEqual(endless.given, 100_001)

    def test_a_needed_body_cannot_be_forgotten(self) -> None:
        verification = Verification(request(), Options(), NOW)
        verification.use(SECRET)
        with self.assertRaises(TypeError):
            verification.finish(None)

    def test_nothing_shows_a_secret(self) -> None:
        with self.assertRaises(Refused) as caught:
            verify(request(target="/other"), lookup, now=NOW)
        self.assertNotIn(SECRET, f"{caught.exception!r} {caught.exception}")
        self.assertEqual(caught.exception.status, 401)

    def assert_refused(self, reason, lookup, body=b"abc", options=Options(), now=NOW) -> None:
        with self.assertRaises(Refused) as caught:
            verify(request(body), lookup, options, now=now)
        self.assertIs(caught.exception.reason, reason)
