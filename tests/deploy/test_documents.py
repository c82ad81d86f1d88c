"""What README and deploy/ say is so: variables, rights, commands and links agree with the code."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from crmconnector.embedded.plan import Situation, children
from crmconnector.pbx.selectors import manager_lines

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCUMENTS = [
    path
    for path in [ROOT / "README.md", ROOT / "SECURITY.md", *sorted(DEPLOY.rglob("*"))]
    if path.is_file() and path.suffix != ".png"
]
READERS = ["crmconnector/settings.py", "crmconnector/embedded/wishes.py"]
FIRST_LOGIN = {"LOGIN_USERNAME", "LOGIN_PASSWORD"}  # read by `prepare` from the environment itself
MUST_BE_GIVEN = {
    "DATABASE_URL": "postgres://crmconnector:secret@127.0.0.1:5432/crmconnector",
    "REDIS_URL": "redis://:secret@127.0.0.1:6379/0",
    "SECRET_KEY": "documents-only-documents-only-documents-only",
    "ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
}
MANAGED = re.compile(r"manage\.py ([a-z_]+)\b")


def variables_that_are_read() -> set[str]:
    text = "".join((ROOT / name).read_text() for name in READERS)
    return set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', text)) | FIRST_LOGIN


def example_lines() -> dict[str, str]:
    """Every variable of env.example with its value, also those behind a #."""
    found = re.findall(r"^#?([A-Z_]+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE)
    assert len(found) == len(dict(found)), "a variable stands there twice"
    return dict(found)


def readme_table() -> dict[str, str]:
    """Variable -> its default as README shows it."""
    rows = re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", (ROOT / "README.md").read_text(), re.MULTILINE)
    return {name: default.strip() for name, default in rows}


def rights(text: str) -> dict[str, str]:
    """The options of a section of manager.conf, without its own secret and address."""
    options = dict(re.findall(r"^ *(\w+) = (.*)$", text, re.MULTILINE))
    return {name: value for name, value in options.items() if name not in {"secret", "permit"}}


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def started_by_make_run() -> dict[str, list[str]]:
    """web, listener and worker -> their arguments after the interpreter."""
    situation = Situation(environment={}, bind="BIND", port=1, rehearsal=False)
    return {child.name: plain(list(child.command[1:])) for child in children(situation)}


def plain(arguments: list[str]) -> list[str]:
    """Arguments without what may differ: the address to listen on, and the folder of manage.py."""
    kept = [Path(word).name if word.endswith("manage.py") else word for word in arguments]
    return [word for at, word in enumerate(kept) if kept[at - 1 : at] not in (["--host"], ["--port"])]


def unit_command(name: str) -> list[str]:
    text = (DEPLOY / "systemd" / name).read_text().replace("\\\n", " ")
    command = re.search(r"^ExecStart=(\S+) (.+)$", text, re.MULTILINE)
    assert command, name
    assert command[1].endswith("/.venv/bin/python")
    return plain(command[2].split())


def test_env_example_has_every_variable_and_no_other() -> None:
    assert set(example_lines()) == variables_that_are_read()


def test_readme_has_every_variable_and_no_other() -> None:
    assert set(readme_table()) == variables_that_are_read()


def test_readme_tells_which_variables_must_be_given() -> None:
    must = {name for name, default in readme_table().items() if default == "must be given"}
    assert must == set(MUST_BE_GIVEN)
    assert {name for name, value in example_lines().items() if not value} == must


def test_every_example_value_is_accepted_by_the_settings() -> None:
    environment = {"PATH": os.environ["PATH"], **example_lines(), **MUST_BE_GIVEN}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "check"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "document", [DEPLOY / "asterisk" / "manager.conf", ROOT / "README.md"], ids=lambda one: one.name
)
def test_the_manager_user_has_the_rights_that_the_pages_show(document: Path) -> None:
    section = document.read_text().split("[crmconnector]\n")[1].split("\n\n")[0].split("```")[0]
    assert rights(section) == rights(manager_lines(username="crmconnector", permit="192.0.2.20"))


def test_every_management_command_that_is_named_exists() -> None:
    named = {name for path in DOCUMENTS for name in MANAGED.findall(path.read_text())}
    assert {"prepare", "listen"} <= named
    assert named <= set(get_commands())


def test_containers_start_what_make_run_starts() -> None:
    services = compose()["services"]
    started = {name: plain(services[name]["command"][1:]) for name in ("web", "listener", "worker")}
    assert started == started_by_make_run()
    assert services["prepare"]["command"] == ["python", "manage.py", "prepare"]


def test_units_start_what_make_run_starts() -> None:
    units = {"web": "web", "listener": "listener@", "worker": "worker"}
    started = {name: unit_command(f"crmconnector-{unit}.service") for name, unit in units.items()}
    assert started == started_by_make_run()
    assert unit_command("crmconnector-prepare.service") == ["manage.py", "prepare"]


def test_the_target_wants_units_that_exist() -> None:
    wants = re.search(r"^Wants=(.+)$", (DEPLOY / "systemd" / "crmconnector.target").read_text(), re.MULTILINE)
    assert wants
    files = {re.sub(r"@\d+", "@", name) for name in wants[1].split()}
    assert {path.name for path in (DEPLOY / "systemd").glob("*.service")} == files | {"crmconnector-prepare.service"}


def test_every_process_of_ours_waits_for_prepare() -> None:
    services = compose()["services"]
    for name in ("web", "listener", "worker"):
        assert services[name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    for unit in (DEPLOY / "systemd").glob("*.service"):
        if "prepare" not in unit.name:
            assert "Requires=crmconnector-prepare.service\nAfter=crmconnector-prepare.service" in unit.read_text()


def test_the_image_takes_all_that_the_product_needs_and_runs_without_rights() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    copied = {source for line in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE) for source in line.split()[:-1]}
    assert copied >= {"manage.py", "crmconnector", "phones", "tasks", "templates", "requirements.lock"}
    assert all((ROOT / source).exists() for source in copied)
    allowed = set(re.findall(r"^!(.+)$", (DEPLOY / "Containerfile.dockerignore").read_text(), re.MULTILINE))
    assert copied == allowed
    assert "\nUSER 10001\n" in text
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name


def test_the_proxy_passes_the_card_stream_on_unbuffered() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    stream = text.split("location = /desk/stream {")[1].split("}")[0]
    assert "proxy_buffering off;" in stream
    assert re.search(r"X-Forwarded-Proto +\$scheme;", text)


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "SECURITY.md"], ids=lambda one: one.name)
def test_relative_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


def test_paths_that_the_readme_names_exist() -> None:
    table = (ROOT / "README.md").read_text().split("## Where things are")[1].split("## ")[0]
    folders = re.findall(r"`([a-z_/]+/)`", table)
    assert len(folders) >= 8
    assert all((ROOT / name).is_dir() or (ROOT / "crmconnector" / name).is_dir() for name in folders)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_one_persons_machine_is_named(document: Path) -> None:
    assert str(ROOT) not in document.read_text()
    assert not re.search(r"(?<![\w.])/(home|root|work|Users)/", document.read_text())


def test_the_picture_of_the_desk_is_small_enough_to_load_at_once() -> None:
    assert (DEPLOY / "images" / "desk.png").stat().st_size < 200_000


def test_the_licence_is_the_whole_one() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert text.rstrip().endswith("limitations under the License.")
