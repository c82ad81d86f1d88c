"""Trying one phone by hand: every function of the guide from the command line."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phones.drivers.grandstream.__main__ import COMMANDS, main
from tests.support.raw_phone import RawPhone, Script, answers, certificate, phone_that, waits_for_ever

IDLE = [{"line": 1, "state": "idle"}, {"line": 2, "state": "idle"}]


def said(body: object, response: str = "success") -> str:
    return json.dumps({"response": response, "body": body})


def phone_with(lines: list[dict[str, object]], deed: str) -> Script:
    """Answers a look with these lines and anything else with `deed`: the request decides, as on a real phone."""

    def script(connection: object) -> None:
        looked = b"api-get_line_status" in phones[-1].requests[-1]
        answers(said(lines) if looked else deed)(connection)  # type: ignore[arg-type]

    phones: list[RawPhone] = []
    script.phones = phones  # type: ignore[attr-defined]
    return script


@pytest.fixture(autouse=True)
def passcodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHONE_PASSCODE_FILE", raising=False)
    monkeypatch.setattr("getpass.getpass", lambda question: "CANARY-admin" if "Admin" in question else "CANARY")


def run(
    command: str,
    body: object = True,
    *more: str,
    lines: list[dict[str, object]] | None = None,
    script: Script | None = None,
) -> tuple[int, list[str]]:
    """Exit code, and the targets that were asked for, without the passcode."""
    chosen = script or phone_with(lines or IDLE, said(body))
    with phone_that(chosen) as phone:
        getattr(chosen, "phones", []).append(phone)
        name, *rest = command.split()
        code = main(["127.0.0.1", name, *rest, "--port", str(phone.port), "--network", "127.0.0.0/8", *more])
    targets = [request.decode().split(" ")[1] for request in phone.requests]
    return code, [target.removeprefix("/cgi-bin/api-").replace("passcode=CANARY", "") for target in targets]


LOOK = "get_line_status?"
ONE = {
    state: [{"line": 1, "state": state, "remotenum": "3501", "remotename": "Ann"}, {"line": 2, "state": "idle"}]
    for state in ("ringing", "connected", "onhold", "calling")
}


@pytest.mark.parametrize(
    ("command", "lines", "body", "targets"),
    [
        ("call 3501 --account 1", IDLE, True, ["make_call?&phonenumber=3501&account=0"]),
        ("call 3501 --dial-plan dialing", IDLE, True, ["make_call?&phonenumber=3501&dialplan=dialing"]),
        ("accept", ONE["ringing"], True, [LOOK, "phone_operation?&cmd=acceptcall"]),
        ("reject", ONE["ringing"], True, [LOOK, "phone_operation?&cmd=rejectcall"]),
        ("end", ONE["connected"], True, [LOOK, "phone_operation?&cmd=endcall"]),
        ("hold", ONE["connected"], True, [LOOK, "phone_operation?&cmd=holdcall"]),
        ("resume", ONE["onhold"], True, [LOOK, "phone_operation?&cmd=holdcall"]),
        ("cancel", ONE["calling"], True, [LOOK, "phone_operation?&cmd=cancel"]),
        ("keys 1:0:#:SEND", IDLE, "complete", [LOOK, "send_key?&keys=1:0:%23:SEND"]),
        ("keys DND --mute-key dnd", IDLE, "complete", [LOOK, "send_key?&keys=MUTE"]),
        ("keys MPK2 --mpk-keys 2 --model GRP2614", IDLE, "complete", [LOOK, "send_key?&keys=MPK2"]),
        ("unlock", IDLE, "complete", ["send_key?&keys=UNLOCK"]),
    ],
)  # fmt: skip
def test_a_deed_looks_first_where_it_needs_to_and_sends_one_request(
    command: str, lines: list[dict[str, object]], body: object, targets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, body, lines=lines) == (0, targets)
    shown = capsys.readouterr()
    assert shown.out == "The phone took the command, which proves nothing yet. Look at the lines, or at the phone.\n"
    assert "No real GRP26xx was at hand" in shown.err
    assert "CANARY" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("command", "body", "shown"),
    [
        ("lines", [{"line": 1, "state": "ringing", "remotenum": "3501", "remotename": "Ann"}], "1 ringing 3501 Ann\n"),
        ("status", "available", "available\n"),
        ("accounts", [{"id": 1, "sip_id": "204", "sip_server": "pbx", "reg": 1}], "1 registered 204 pbx\n"),
    ],
)
def test_a_look_shows_what_was_seen(command: str, body: object, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, script=answers(said(body)))[0] == 0
    assert capsys.readouterr().out == shown
    assert run(command, None, "--json", script=answers(said(body)))[0] == 0
    [row] = json.loads(capsys.readouterr().out)[command]
    assert next(iter(row)) in ("line", "state", "account")


@pytest.mark.parametrize(
    ("command", "lines"),
    [("accept", IDLE), ("reject", IDLE), ("end", IDLE), ("hold", ONE["onhold"]), ("resume", IDLE), ("cancel", IDLE)],
)
def test_a_deed_that_does_not_fit_ends_after_the_look(command: str, lines: list[dict[str, object]]) -> None:
    assert run(command, lines=lines) == (1, [LOOK])


DANGEROUS = [
    ("lock", "complete", "send_key?&keys=LOCK"),
    ("reboot", "savereboot", "sys_operation?&request=REBOOT"),
    ("reset", "reset", "sys_operation?-admin&request=RESET"),
]


@pytest.mark.parametrize(("command", "body", "target"), DANGEROUS)
def test_what_takes_the_phone_away_wants_its_address_typed_again(
    command: str, body: str, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for typed in ("", "y\n", "yes\n", "127.0.0.2\n", "127.0.0\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert run(command, body) == (1, [])
    assert "Nothing was sent." in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("127.0.0.1\n"))
    assert run(command, body) == (0, [LOOK, target])
    monkeypatch.setattr("sys.stdin", io.StringIO("127.0.0.1\n"))
    assert run(command, body, lines=ONE["connected"]) == (1, [LOOK])


def test_the_end_tells_programs_whether_it_certainly_did_not_happen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("unlock", None, "--json", script=answers(said(False, "error")))[0] == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["taken"], told["reason_code"]) == (False, "key_not_accepted")
    assert told["sentence"].endswith(".") and told["hint"].endswith(".")
    assert run("unlock", None, "--json", script=waits_for_ever)[0] == 3
    assert json.loads(capsys.readouterr().out)["taken"] is None
    assert run("unlock", "complete", "--json")[0] == 0
    assert json.loads(capsys.readouterr().out) == {"taken": True}


def test_an_address_that_is_not_allowed_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["127.0.0.1", "lines"]) == 1
    assert capsys.readouterr().err.startswith("NothingSent (address_refused): ")


def test_the_passcode_comes_from_a_file_but_never_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other = tmp_path / "passcode", tmp_path / "other"
    file.write_text("from file\n")
    other.write_text("from the environment\r\n")
    body = answers(said("complete"))
    assert run("unlock", None, "--passcode-file", str(file), script=body)[1] == [
        "send_key?passcode=from%20file&keys=UNLOCK"
    ]
    monkeypatch.setenv("PHONE_PASSCODE_FILE", str(other))
    assert run("unlock", script=body)[1] == ["send_key?passcode=from%20the%20environment&keys=UNLOCK"]
    assert run("unlock", None, "--passcode-file", str(tmp_path / "none"), script=body) == (1, [])
    assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["127.0.0.1", "unlock", "--passcode", "x"])


def test_https_wants_a_certificate_or_somebodys_word(tmp_path: Path) -> None:
    own, _ = certificate(tmp_path, "own")
    file = tmp_path / "pin.pem"
    file.write_text(own.pem)
    with phone_that(answers(said("complete")), own.server) as phone:
        common = ["127.0.0.1", "unlock", "--https", "--port", str(phone.port), "--network", "127.0.0.0/8"]
        assert main(common) == 1
        assert main([*common, "--certificate", str(tmp_path / "none")]) == 1
        assert phone.connections == 0
        assert main([*common, "--certificate", str(file)]) == 0
        assert main([*common, "--any-certificate"]) == 0


def test_every_function_of_the_guide_has_its_command_and_help_says_what_was_not_tried() -> None:
    functions = "lines status accounts call accept reject end hold resume cancel keys lock unlock reboot reset"
    assert list(COMMANDS) == functions.split()
    ran = subprocess.run(
        [sys.executable, "-m", "phones.drivers.grandstream", "--help"],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "COLUMNS": "400"},
    )  # fmt: skip
    assert ran.returncode == 0
    assert "No real GRP26xx was at hand" in ran.stdout
    assert all(name in ran.stdout for name in COMMANDS)
