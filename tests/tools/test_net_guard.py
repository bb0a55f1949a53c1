"""Which addresses the guard takes: every spelling of what is not public is refused, what is public is read one way."""

import pytest

from multiplayer.tools.net.guard import (
    BLOCKED,
    MAX_URL,
    NetRefused,
    check_redirect,
    check_url,
    judged,
    parse_url,
)
from multiplayer.tools.refusal import ToolFault

NOT_PUBLIC = (
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.255.255.254/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0X7F.0x0.0x0.0X1/",
    "http://0177.0.0.01/",
    "http://0x7f.1/",
    "http://00000000177.0.0.1/",
    "http://0/",
    "http://0x/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://10.1/",
    "http://167772161/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://192.168.257/",
    "http://3232235777/",
    "http://100.64.0.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://100.127.255.255/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://168.63.129.16/metadata",
    "http://192.0.0.192/opc/v2/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://4294967295/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://127．0．0．1/",
    "http://127｡0｡0｡1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127.0.0.\u00ad1/",
    "http://127.0\u200b.0.1/",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000::0001]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::FFFF:10.0.0.1]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::8.8.8.8]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[2a00:1450:4001::5efe:10.0.0.1]/",
    "http://[fc00::1]/",
    "http://[fd00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[::1%lo]/",
    "http://[2606:4700::1111%25eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://router/",
    "http://printer.local/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://kubernetes.default.svc.cluster.local/",
    "http://db.corp/",
    "http://1.0.0.127.in-addr.arpa/",
    "http://abcdefgh.onion/",
    "https://127.0.0.1:443/",
    "https://127.0.0.1:80/",
)

NOT_READABLE = (
    "",
    "example.com",
    "//example.com/",
    "/etc/passwd",
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/",
    "ldap://example.com/",
    "javascript:alert(1)",
    "data:text/html,hello",
    "jar:http://example.com!/",
    "unix:/run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/",
    "ws://example.com/",
    "http:example.com",
    "http:/example.com/",
    "http:///example.com/",
    "http://",
    "http://:80/",
    "http://?q",
    "http://#x",
    "http://alice@example.com/",
    "http://alice:secret@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1@example.com/",
    "http://example.com:80@127.0.0.1/",
    "http://example.com%40127.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http://127.0.0.1\\.example.com/",
    "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/",
    "http://local%68ost/",
    "http://ex％61mple.com/",
    "http://example.com\t/",
    "http://exam\tple.com/",
    "http://exam\nple.com/",
    "ht\ntp://example.com/",
    "http://example.com/\r\nHost: evil",
    "http://example.com/a b",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com\x00.evil.com/",
    "http://example.com/\ud800",
    "http://example.com\u3000/",
    "http://example..com/",
    "http://.example.com/",
    "http://example.com../",
    "http://-example.com/",
    "http://exa$mple.com/",
    "http://exa<mple.com/",
    "http://example.com,127.0.0.1/",
    "http://example.com:port/",
    "http://example.com:８０/",
    "http://example.com:-80/",
    "http://example.com:+80/",
    "http://example.com:000080/",
    "http://example.com:80:80/",
    "http://::1/",
    "http://[::1/",
    "http://::1]/",
    "http://[]/",
    "http://[example.com]/",
    "http://[127.0.0.1]/",
    "http://[::1]evil.com/",
    "http://[::1].example.com/",
    "http://[v1.fe80::a]/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://127.0.0.0x100/",
    "http://127.0.0.08/",
    "http://4294967296/",
    "http://99999999999999999999/",
    "http://0x100000000/",
    "http://example.123/",
    "http://example.0x7f/",
    "http://1.2.3.4e/\x7f",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://example.com/" + "a" * MAX_URL,
)

WRONG_PORT = ("http://example.com:22/", "http://example.com:8080/", "http://8.8.8.8:6379/", "https://127.0.0.1:8443/")


@pytest.mark.parametrize("url", NOT_PUBLIC)
def test_what_is_not_public_is_refused_in_the_same_words_however_it_is_spelt(url: str) -> None:
    with pytest.raises(NetRefused) as refused:
        check_url(url)
    assert (refused.value.code, refused.value.text) == (ToolFault.NET, BLOCKED)


@pytest.mark.parametrize("url", NOT_READABLE)
def test_an_address_that_two_readers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(NetRefused) as refused:
        check_url(url)
    assert refused.value.text != BLOCKED
    # The refusal never repeats what it was given: there may be a password in it.
    assert "secret" not in refused.value.text


def test_a_password_in_an_address_is_refused_for_that() -> None:
    for authority in ("alice:secret@example.com", "alice@example.com", "@example.com", "a@b@example.com"):
        with pytest.raises(NetRefused, match="user name or password"):
            check_url(f"https://{authority}/")


@pytest.mark.parametrize("url", WRONG_PORT)
def test_a_port_that_is_not_the_webs_is_refused_whoever_has_it(url: str) -> None:
    with pytest.raises(NetRefused, match="ports 80 and 443"):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTP://EXAMPLE.COM./A?b=C#d", "http://example.com/A?b=C"),
        ("https://example.com:443", "https://example.com/"),
        ("https://example.com:/", "https://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("https://bücher.de/straße?ä=ö", "https://xn--bcher-kva.de/stra%C3%9Fe?%C3%A4=%C3%B6"),
        ("https://ＥＸＡＭＰＬＥ．com/", "https://example.com/"),
        ("https://例子。中国/", "https://xn--fsqu00a.xn--fiqs8s/"),
        ("https://xn--fsqu00a.xn--fiqs8s/", "https://xn--fsqu00a.xn--fiqs8s/"),
        ("https://my_host.example.com/a%2Fb%20c", "https://my_host.example.com/a%2Fb%20c"),
        ("https://example.com/wiki/A_(b)?q=[1]|2", "https://example.com/wiki/A_(b)?q=%5B1%5D%7C2"),
        ("https://1.2.example.com/", "https://1.2.example.com/"),
        ("https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://0x08080808/", "http://8.8.8.8/"),
        ("http://134744072/", "http://8.8.8.8/"),
        ("http://[::ffff:8.8.8.8]/", "http://8.8.8.8/"),
        ("http://[2606:4700:0:0:0::1111]/", "http://[2606:4700::1111]/"),
        ("http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b::808:808]/"),
        ("http://172.32.0.1/", "http://172.32.0.1/"),
        ("http://100.128.0.1/", "http://100.128.0.1/"),
    ],
)
def test_a_public_address_has_one_spelling(url: str, read: str) -> None:
    assert check_url(url).url == read
    assert check_url(read).url == read


def test_what_the_operator_named_may_be_private_at_exactly_that_host_and_port() -> None:
    allowed = frozenset({("127.0.0.1", 8_080), ("wiki", 80)})
    assert check_url("http://127.0.0.1:8080/x", allowed).url == "http://127.0.0.1:8080/x"
    assert check_url("http://0x7f.1:8080/x", allowed).place == ("127.0.0.1", 8_080)
    assert check_url("http://Wiki/", allowed).place == parse_url("http://wiki./").place == ("wiki", 80)
    for url in (
        "http://127.0.0.1/",
        "http://127.0.0.1:8081/",
        "http://127.0.0.2:8080/",
        "https://wiki/",
        "http://x.wiki:81/",
    ):
        with pytest.raises(NetRefused):
            check_url(url, allowed)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//127.0.0.1/",
        "//localhost/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[::1",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://example.com:22/",
        "//example.com:6379/",
        "http://alice:secret@example.com/",
        "//alice@example.com/",
        "/\\127.0.0.1/",
        "\\\\127.0.0.1/",
        "/a\tb",
        "\thttp://127.0.0.1/",
        "http:///127.0.0.1/",
        "http://wiki:8080/",
        "/" + "a" * MAX_URL,
    ],
)
def test_a_redirect_is_checked_as_the_first_address_was(location: str) -> None:
    with pytest.raises(NetRefused):
        check_redirect(check_url("https://example.com/a/b"), location, frozenset({("wiki", 8_080)}))


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("c", "https://example.com/a/c"),
        ("/c?d", "https://example.com/c?d"),
        ("?d", "https://example.com/a/b?d"),
        ("//example.org/x", "https://example.org/x"),
        ("http://example.org", "http://example.org/"),
    ],
)
def test_a_redirect_may_be_relative(location: str, leads: str) -> None:
    assert check_redirect(check_url("https://example.com/a/b"), location).url == leads


def test_what_the_operator_named_leads_nowhere_else() -> None:
    allowed = frozenset({("wiki", 8_080)})
    wiki = check_url("http://wiki:8080/", allowed)
    assert check_redirect(wiki, "/start", allowed).url == "http://wiki:8080/start"
    for location in ("https://wiki:8080/", "https://example.com/", "http://wiki/", "http://127.0.0.1:8080/"):
        with pytest.raises(NetRefused):
            check_redirect(wiki, location, allowed)


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
        ["2606:4700::1111", "::1"],
        ["93.184.216.34", "::ffff:169.254.169.254"],
        ["fe80::1%eth0"],
        ["2606:4700::1111%eth0"],
        ["nonsense"],
    ],
)
def test_a_name_is_refused_for_one_address_that_is_not_public(addresses: list[str]) -> None:
    with pytest.raises(NetRefused, match="only public addresses"):
        judged(addresses, may_be_private=False)


def test_a_name_of_public_addresses_is_taken_without_doubles() -> None:
    found = judged(["8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111", "8.8.8.8"], may_be_private=False)
    assert [str(address) for address in found] == ["8.8.8.8", "2606:4700::1111"]
    with pytest.raises(NetRefused, match="no such host"):
        judged([], may_be_private=True)
