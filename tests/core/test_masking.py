"""What looks like a secret, by name and by form, and which variables may be told."""

from __future__ import annotations

import pytest

from notebook_agents.core.masking import MASK, Masker, is_secret_name, masked
from notebook_agents.live.visibility import Visibility

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nq8Zk\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"


@pytest.mark.parametrize(
    "name",
    [
        "password", "db_password", "PASSWORD2", "apiKey", "api_key", "OPENAI_API_KEY", "token",
        "authToken", "access_token", "hf_token", "client_secret", "secrets", "credentials",
        "aws_secret_access_key", "private_key", "ssh_key", "passphrase", "jwt", "dsn",
        "connection_string", "auth_tokens", "pwd", "DB_PASS", "PGPASSWORD", "openai_key",
        "OPENAI_KEY", "openaiKey", "login_pass", "mypass", "userPass", "passcode", "psw", "AUTH",
        "auth", "X-Auth", "X-Auth-Token", "auth_header", "basic_auth", "pem", "server_pem", "pin",
        "PIN", "user_pin", "pin_code", "session_id", "sessionid", "my_tokens", "user_tokens",
        "MYSQL_PASS", "stripe_keys", "storage_key",
    ],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "df", "tokenizer", "n_tokens", "tokens", "token_count", "token_ids", "key", "keys",
        "secretary", "monkey", "author", "passed", "compass", "patients", "primary_key", "x",
        "keyword", "keywords", "num_tokens", "max_tokens", "prompt_tokens", "total_tokens",
        "passenger", "passengers", "bypass", "n_pass", "first_pass", "forward_pass", "low_pass",
        "pinned", "pint", "spin", "pins", "led_pin", "spinner", "pincushion", "auth_level",
        "authority", "is_auth", "requires_auth", "session", "sessions", "session_length",
        "foreign_key", "sort_key", "user_key", "key_path", "turkey", "hockey", "passwordless",
        "opinion", "pinecone", "temperature", "shipping", "open_mode", "tempo", "obsess_idea",
    ],
)  # fmt: skip
def test_names_of_other_things_are_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop1234567890",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE",
        "hf_abcdefghijklmnopqrstuvwx",
        "xoxb-1234567890-abcdefgh",
        JWT,
        PEM,
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "glpat-abcdefghij0123456789",
    ],
)
def test_texts_that_are_secrets_are_masked_wherever_they_stand(secret: str) -> None:
    for text in (secret, f"before {secret} after", f"url?x={secret}&y=1", repr({"a": secret})):
        assert secret not in masked(text)
        assert MASK in masked(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://ada:hunter2@host/db", f"postgresql://{MASK}@host/db"),
        ("password = 'open sesame', x = 1", f"password = {MASK}, x = 1"),
        ('{"api_key": "abc", "n": 3}', f'{{"api_key": {MASK}, "n": 3}}'),
        ("Authorization: Bearer abcdef123456789", f"Authorization: {MASK}"),
        ("Authorization: Token abc12\nx", f"Authorization: {MASK}\nx"),
        ("{'Authorization': 'abc'}", f"{{'Authorization': {MASK}}}"),
        ("{'X-Auth': 'abc', 'n': 3}", f"{{'X-Auth': {MASK}, 'n': 3}}"),
        ("X-Auth-Token: abc12", f"X-Auth-Token: {MASK}"),
        ("mysql -u bob -phunter2 shop", f"mysql -u bob -p{MASK} shop"),
        ("mysqldump -h db -phunter2", f"mysqldump -h db -p{MASK}"),
        ("curl -s -u bob:hunter2 https://a.b", f"curl -s -u bob:{MASK} https://a.b"),
        ("get(url, auth=('bob', 'hunter2'))", f"get(url, auth=('bob', {MASK}))"),
        ("tool --password hunter2 -v", f"tool --password {MASK} -v"),
        ("DB_PASS=hunter2 run", f"DB_PASS={MASK} run"),
        ("connect(login_pass='hunter2')", f"connect(login_pass={MASK})"),
    ],
)
def test_what_is_said_to_be_a_secret_is_masked(text: str, told: str) -> None:
    assert masked(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "The tokens of a prompt cost little.",
        "0123456789abcdef0123456789abcdef01234567",
        "the_quick_brown_fox_jumps_over_the_lazy_dog_again",
        "2024-01-01 00:00:00+00:00 to 2026-09-26",
        "550e8400-e29b-41d4-a716-446655440000",
        "df: DataFrame, 1,000 rows",
        "mkdir -p data/in",
        "mysql -p",
        "python -u script.py",
        "The author: 'Ada', keys = 'abc', n_tokens=1234, auth = login(user)",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert masked(text) == text


def test_known_secrets_are_masked_even_when_they_are_cut() -> None:
    secret = "correct horse battery staple"
    known = Masker([secret, "ab"])
    assert known.masked(f"it is {secret}!") == f"it is {MASK}!"
    assert "horse" not in known.masked(secret[:20])
    assert known.masked("ab stays, it is too short to be told apart") == (
        "ab stays, it is too short to be told apart"
    )


def test_a_long_text_is_masked_in_no_time() -> None:
    assert masked("password" * 5_000)
    assert masked("a" * 100_000) == "a" * 100_000
    for line in ("mysql -x ", "curl -s ", "auth=('", "a='", "Authorization: ", "--password "):
        assert masked(line * 10_000)


def test_only_the_persons_own_variables_are_visible() -> None:
    rules = Visibility(
        hidden=("patient_*",), shown=("db_token",), builtin={"open": open, "json": 1}
    )
    names = {
        "df": 1, "_private": 2, "__name__": 3, "In": [], "Out": {}, "open": open, "json": 2,
        "patient_7": 4, "api_key": 5, "db_token": 6, "not a name": 7, "class": 8,
    }  # fmt: skip
    assert list(rules.visible(names)) == ["df", "json", "db_token"]
    assert list(rules.secrets(names)) == ["api_key"]
    assert rules.why_hidden("patient_7") == "it is hidden"
    assert "secret" in rules.why_hidden("api_key")
    assert rules.why_hidden("df") == rules.why_hidden("db_token") == ""
