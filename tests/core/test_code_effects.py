"""What the analysis says of code: the risks, row by row, and the tricks that must not fool it."""

from __future__ import annotations

from functools import partial

import pytest

from notebook_agents.core.assessments import RISKS, Assessment
from notebook_agents.core.code_effects import assess_code
from notebook_agents.core.code_names import kinds_of

from .code_of_every_day import BINDS, MUTATES, READS
from .code_that_reaches_out import DELETES, NETWORK, SHELL, WRITES

FOLDER = "/srv/notebooks"
NAMES = {
    "df": "frame",
    "other": "frame",
    "pd": "module:pandas",
    "pl": "module:polars",
    "np": "module:numpy",
    "plt": "module:matplotlib.pyplot",
    "px": "module:plotly.express",
    "os": "module:os",
    "X": "array",
    "y": "array",
    "model": "",
    "con": "database",
    "n": "value",
    "path": "text",
    "link": "url",
    "items": "container",
    "fig": "figure",
    "my_function": "function",
    "floor": "value",
    "Path": "import:pathlib.Path",
    "steps": "generator",
    "panel": "control",
    "api_key": "named-secret text",
}

TABLE = [
    *(("reads", code) for code in READS),
    *(("binds", code) for code in BINDS),
    *(("mutates", code) for code in MUTATES),
    *(("writes_files", code) for code in WRITES),
    *(("network", code) for code in NETWORK),
    *(("shell", code) for code in SHELL),
    *(("deletes", code) for code in DELETES),
]


def assess(code: str) -> Assessment:
    return assess_code(code, names=NAMES, folder=FOLDER)


@pytest.mark.parametrize(("risk", "code"), TABLE)
def test_code_has_the_risk_of_the_worst_thing_it_does(risk: str, code: str) -> None:
    found = assess(code)
    if risk in {"network", "shell"}:
        assert risk in {finding.risk for finding in found.findings}, found
        assert RISKS.index(found.risk) >= RISKS.index(risk)
    else:
        assert found.risk == risk, found


def test_the_table_has_many_rows_of_every_kind() -> None:
    assert len(TABLE) > 400
    assert {risk for risk, _ in TABLE} == set(RISKS)


PLACES = [
    ("df.to_csv('out.csv')", "write"),
    (f"df.to_csv('{FOLDER}/out.csv')", "write"),
    ("name = 'out.csv'\ndf.to_csv(name)", "write"),
    ("df.to_csv('/tmp/out.csv')", "external"),
    ("df.to_csv('a/../../out.csv')", "external"),
    ("df.to_csv('~/out.csv')", "external"),
    ("df.to_csv(path)", "external"),
    ("open('helper.py', 'w')", "external"),
    ("Path('.ipython/startup.txt').write_text('x')", "external"),
    ("os.chdir('/')\ndf.to_csv('out.csv')", "external"),
]


@pytest.mark.parametrize(("code", "effect"), PLACES)
def test_a_file_of_the_folder_is_an_edit_and_every_other_is_more(code: str, effect: str) -> None:
    assert assess(code).effect == effect


SECRETS = [
    "print(api_key)",
    "f'{api_key}'",
    "globals()['api_key']",
    "print(globals())",
    "os.environ.get('MY_SERVICE_TOKEN')",
    "os.getenv('DB_PASS')",
    "os.environ['PGPASSWORD']",
    "print(sorted(os.environ.items()))",
    "dict(os.environ)",
    "open('/proc/self/environ').read()",
    "open('/etc/passwd')",
    "pd.read_csv('/etc/passwd')",
    "open('.env').read()",
    "Path('.netrc').read_text()",
    "open(os.path.expanduser('~/.ssh/id_rsa')).read()",
    "open(''.join(items)).read()",
    "Path('data/../../../etc/passwd').read_text()",
    "(Path('/') / 'etc' / 'passwd').read_text()",
    "f'{globals()}'",
    "locals()",
    "In[1]",
    "_ih",
    "%env",
    "%history",
    "%hist",
    "%recall 1",
    "%notebook a.ipynb",
    "%save a.py 1",
    "import getpass\ngetpass.getpass()",
    "con.sql(\"SELECT * FROM '/etc/passwd'\")",
    "pd.eval('api_key')",
    "df.query('a == @api_key')",
    "df.query('a == @ api_key')",
    "pd.eval('_ih')",
    "pd.eval('@api_key')",
]


@pytest.mark.parametrize("code", SECRETS)
def test_what_may_be_a_secret_is_not_read_unasked(code: str) -> None:
    assert assess(code).effect == "external"


OWN_PLACES = [
    "open('/srv/agents/token_key').read()",
    "open('../agents/token_key').read()",
    "open('token_key').read()",
    "Path('/srv/agents').joinpath('store.db').read_bytes()",
    "(Path(path) / 'token_key').read_text()",
    "open(os.path.join(path, 'token_key')).read()",
    "open(path + '/token_key').read()",
    "open('/srv/agents/admin_password').read()",
    "open('/opt/share/jupyter/runtime/jupyter_cookie_secret').read()",
    "pd.read_json('/opt/share/jupyter/runtime/jpserver-41.json')",
    "pd.read_json('jpserver-41.json')",
    "con.sql(\"SELECT * FROM read_text('/srv/agents/token_key')\")",
    "import duckdb\nduckdb.connect('/srv/agents/store.db', read_only=True)",
    "pd.read_json('/srv/of_agents/events/a.jsonl')",
    "os.listdir('/srv/of_agents')",
    "open('../of_agents/events/a.jsonl').read()",
    "open('/srv/of_jupyter/jupyter_server_config.json').read()",
]


@pytest.mark.parametrize("code", OWN_PLACES)
def test_keys_and_records_of_the_product_are_not_read_unasked(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_HOME", "/srv/of_agents")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "/srv/of_jupyter")
    assert assess(code).effect == "external"


def test_a_data_folder_around_the_working_folder_hides_no_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_HOME", "/srv")
    assert assess(f"pd.read_csv('{FOLDER}/data/a.csv')").effect == "read"


def test_objects_that_can_be_called_are_functions_and_looking_at_them_is_not_calling() -> None:
    def read(self: object, name: str) -> None:
        raise AssertionError(f"{name} was read")

    calling = type("Net", (), {"__module__": "__main__", "__call__": id, "__getattr__": read})
    names = {**kinds_of({"net": calling()}), "df": "frame"}
    effects = {
        code: assess_code(code, names=names).effect
        for code in ("df.loc[net]", "net(df)", "print(net)", "net.head()", "net.sort()")
    }
    assert effects == {
        "df.loc[net]": "write", "net(df)": "write", "print(net)": "read", "net.head()": "read",
        "net.sort()": "write",
    }  # fmt: skip


def test_functions_are_told_from_other_variables_also_in_containers() -> None:
    def own() -> None: ...

    kinds = kinds_of({"a": own, "b": [1, own], "c": {"x": own}, "d": [1], "e": partial(own)})
    found = {name: assess_code(f"df.loc[{name}]", names={**kinds, "df": "frame"}) for name in kinds}
    assert {name: one.effect for name, one in found.items()} == {
        "a": "write", "b": "write", "c": "write", "d": "read", "e": "write",
    }  # fmt: skip


CONTROLS = [
    "%config AgentMagics.mode = 'full'",
    "%agent config mode=full",
    "%%agent --yes\nhello",
    "%unload_ext notebook_agents",
    "import notebook_agents\nnotebook_agents.use_core('x')",
    "from notebook_agents import show\nshow('api_key')",
    "import notebook_agents as na\nlist(map(na.show, items))",
    "panel.mode = 'full'",
    "panel.config.AgentMagics.mode = 'full'",
]


@pytest.mark.parametrize("code", CONTROLS)
def test_no_mode_lets_code_change_what_agents_may_do(code: str) -> None:
    found = assess(code)
    assert found.effect == "privileged"
    assert "person's" in found.reason


def test_findings_say_in_words_what_happens_in_which_line() -> None:
    code = "x = 1\ndf['a'] = x\nimport os\nos.remove('a.txt')"
    assert [(f.line, f.risk, f.text) for f in assess(code).findings] == [
        (1, "binds", "binds x"),
        (2, "mutates", "changes df['a']"),
        (4, "deletes", "deletes a.txt"),
    ]
