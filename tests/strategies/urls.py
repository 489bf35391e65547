"""URLs close to the limits of the rules: well-formed URLs with a few changed characters."""

from __future__ import annotations

from hypothesis import strategies as st

ODD = [
    *"@:/?#[]\\%.\t\r\n\x00 -_*0x1a",
    *"\u3002\uff0e\uff61\u2024\u00ad\u200b\u200d\u2044\uff0f\uff20\uff1a\uff03\u2100\u212a\u017f\u0130\u00df\u1e9e",
    *"\uff11\u0661\u2460\U0001d7cf\u00bd\u0301\u05d0\u0627\U0001f600\ud800",
    *["%2e", "%40", "%5c", "%00", "%25", "//", "xn--", "::", "0x", "00", "[::1]", "127.0.0.1", "@10.0.0.1", ":80"],
]

_labels = st.one_of(
    st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True),
    st.sampled_from(
        ["localhost", "xn--bcher-kva", "b\u00fccher", "fa\u00df", "\u4f8b\u3048", "127", "0x7f", "00", "0xg"]
    ),
)
_names = st.lists(_labels, min_size=1, max_size=5).map(".".join)
_quads = st.lists(st.integers(0, 260).map(str) | st.sampled_from(["00", "01", "0x1"]), min_size=1, max_size=5).map(
    ".".join
)
_sixes = st.ip_addresses(v=6).flatmap(lambda six: st.sampled_from([f"[{six}]", f"[{six.exploded}]", f"[{six}%25lo]"]))
hosts = st.one_of(_names, _quads, _sixes, st.integers(0, 2**33).map(str), _names.map(lambda name: f"{name}."))

_ports = st.one_of(st.just(""), st.just(":"), st.integers(-1, 70_000).map(lambda port: f":{port}"))
_userinfos = st.sampled_from(["", "", "", "@", "user@", "user:password@", "a%40b:c@", "[::1]@", "10.0.0.1:80@"])
_targets = st.one_of(
    st.sampled_from(["", "/", "?", "/a/../b", "/%2F%2f", "//x", "/?q=a b", "/\u00e9"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\#"), max_size=20).map(
        lambda text: f"/{text}"
    ),
)
_fragments = st.sampled_from(["", "", "#", "#a", "#@10.0.0.1", "#?/%0A"])
_schemes = st.sampled_from(["http", "https", "HTTP", "hTTps"])

well_formed = st.builds(
    lambda *parts: "{}://{}{}{}{}{}".format(*parts), _schemes, _userinfos, hosts, _ports, _targets, _fragments
)


def _changed(text: str, place: float, odd: str, cut: int) -> str:
    at = int(place * len(text))
    return text[:at] + odd + text[at + cut :]


@st.composite
def urls(draw: st.DrawFn) -> str:
    """A URL with up to three changes."""
    url = draw(well_formed)
    for _ in range(draw(st.integers(0, 3))):
        url = _changed(url, draw(st.floats(0, 1)), draw(st.sampled_from(ODD)), draw(st.integers(0, 2)))
    return url
