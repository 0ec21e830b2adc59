"""Settings from environment and file, and what is said of wrong ones."""

import json

import pytest
from pydantic import SecretStr

from tileserver.commands.serving import environment
from tileserver.services import store_options
from tileserver.settings import Settings, SettingsError, StoreSettings, load_settings

SECRET = "a-very-secret-word"  # noqa: S105 - the test looks for it


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "PORT", "DATA_DIR", "CACHE_DIR", "STORES"):
        monkeypatch.delenv(f"TILESERVER_{name}", raising=False)


def test_defaults_are_safe():
    settings = load_settings()
    assert settings.host == "127.0.0.1"
    assert settings.admin_token is None
    assert settings.file_roots == settings.http_hosts == settings.stores == []
    assert not settings.trust_forwarded


def test_environment_over_file_and_arguments_over_both(monkeypatch, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(
        'title = "From the file"\nport = 81\nmax_scenes = 3\n'
        '[[stores]]\nprefix = "s3://eodata"\nanonymous = true\n'
    )
    monkeypatch.setenv("TILESERVER_CONFIG", str(file))
    monkeypatch.setenv("TILESERVER_PORT", "82")
    monkeypatch.setenv("TILESERVER_MAX_SCENES", "4")
    settings = load_settings(max_scenes=5)
    assert (settings.title, settings.port, settings.max_scenes) == ("From the file", 82, 5)
    assert settings.stores == [StoreSettings(prefix="s3://eodata", anonymous=True)]


def test_lists_are_json_in_the_environment(monkeypatch):
    stores = [{"prefix": "s3://a/b/", "access_key_id": "k", "secret_access_key": SECRET}]
    monkeypatch.setenv("TILESERVER_STORES", json.dumps(stores))
    monkeypatch.setenv("TILESERVER_FILE_ROOTS", '["/data", "/more"]')
    settings = load_settings()
    assert [str(root) for root in settings.file_roots] == ["/data", "/more"]
    options = store_options(settings.stores[0])
    assert (options.prefix, options.secret_access_key) == ("s3://a/b", SECRET)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TILESERVER_NO_SUCH_THING", "1", "TILESERVER_NO_SUCH_THING"),
        ("TILESERVER_PORT", "many", "port"),
        ("TILESERVER_PORT", "70000", "port"),
        ("TILESERVER_CRS", '["EPSG:99999"]', "crs"),
        ("TILESERVER_GRIDS", '["NoSuchGrid"]', "NoSuchGrid"),
        ("TILESERVER_PUBLIC_URL", "maps.example", "public_url"),
        ("TILESERVER_STORES", "not json", "stores"),
        ("TILESERVER_STORES", '[{"prefix": "s3://a", "bogus": 1}]', "bogus"),
        ("TILESERVER_CONFIG", "missing.toml", "missing.toml"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


@pytest.mark.parametrize("text", ["no_such_key = 1\n", "title = \n", 'port = "many"\n'])
def test_a_wrong_file_is_an_error(monkeypatch, tmp_path, text):
    (tmp_path / "settings.toml").write_text(text)
    monkeypatch.setenv("TILESERVER_CONFIG", str(tmp_path / "settings.toml"))
    with pytest.raises(SettingsError):
        load_settings()


def test_secrets_are_never_printed(monkeypatch):
    stores = [{"prefix": "s3://a", "secret_access_key": SECRET, "session_token": SECRET}]
    monkeypatch.setenv("TILESERVER_STORES", json.dumps(stores))
    monkeypatch.setenv("TILESERVER_ADMIN_TOKEN", SECRET)
    settings = load_settings()
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()}"
    assert SECRET not in settings.model_dump_json()
    assert SECRET not in repr(store_options(settings.stores[0]))
    monkeypatch.setenv("TILESERVER_STORES", json.dumps([{"secret_access_key": SECRET, "x": 1}]))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert SECRET not in str(caught.value)


def test_workers_read_the_same_settings(monkeypatch, tmp_path):
    """Whatever the command line changed reaches worker processes; secrets come by themselves."""
    monkeypatch.setenv("TILESERVER_ADMIN_TOKEN", SECRET)
    monkeypatch.setenv("TILESERVER_TITLE", "maps")
    settings = load_settings(
        workers=3, port=99, file_roots=[tmp_path], data_dir=tmp_path / "d", http_hosts=["a:1"],
        public_url="https://maps.example", max_seconds=2.5, trust_forwarded=True,
    )  # fmt: skip
    written = environment(settings)
    assert SECRET not in str(written)
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
    assert isinstance(Settings(admin_token=SECRET).admin_token, SecretStr)
