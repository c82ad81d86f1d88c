"""Which models and firmware take CTI commands, and who a phone says it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.drivers.grandstream.models import (
    MODELS,
    FirmwareVerdict,
    family_of,
    firmware_verdict,
    identity_of,
    model_of,
    most_mpk_keys,
    most_soft_keys,
    takes_cti,
)

GUIDE = {
    "1.0.9.22": "GRP2612 GRP2612W GRP2612P GRP2613 GRP2614 GRP2615 GRP2616 GRP2624 GRP2634 GRP2636 GRP2670 GRP2650",
    "1.0.3.18": "GRP2601 GRP2601P GRP2601W GRP2602 GRP2602P GRP2602W GRP2602G GRP2603 GRP2603P GRP2604 GRP2604P",
}


def test_the_table_holds_the_models_of_the_guide_and_no_other() -> None:
    assert set(MODELS) == {name for names in GUIDE.values() for name in names.split()}


@pytest.mark.parametrize(
    ("firmware", "older"), [("1.0.9.22", ("1.0.9.21", "1.0.9.9", "1.0.9")), ("1.0.3.18", ("1.0.3.17", "0.9.99.99"))]
)
def test_every_model_takes_commands_from_the_guides_firmware_on(firmware: str, older: tuple[str, ...]) -> None:
    for model in GUIDE[firmware].split():
        newer = [firmware, firmware + ".0", "1.0.10.1", "1.0.11.84", "1.1", "2.0"]
        assert {firmware_verdict(model, one) for one in newer} == {FirmwareVerdict.OK}
        assert {firmware_verdict(model, one) for one in older} == {FirmwareVerdict.TOO_OLD}
        assert (takes_cti(model, firmware), takes_cti(model, older[0])) == (True, False)


def test_what_we_do_not_know_is_told_as_unknown() -> None:
    for model in ("", "GXP2170", "GRP2612Z", "GRP2613W", "grandstream", "GRP26", "GRP2612\n; x", "２"):
        assert firmware_verdict(model, "1.0.9.22") is FirmwareVerdict.UNKNOWN_MODEL
    for firmware in (
        "",
        "1",
        "1.0.9.x",
        "1.0.9.22 ",
        "v1.0.9.22",
        "1.0.9.22\n",
        "١.٠.٩.٢٢",
        "1..2",
        "1.0.99999",
        "-1.0",
    ):
        assert firmware_verdict("GRP2614", firmware) is FirmwareVerdict.UNKNOWN_FIRMWARE
        assert takes_cti("GRP2614", firmware) is None


def test_menus_are_told_only_where_the_guide_names_them() -> None:
    menus = {name: model.family.remote_control_menu for name, model in MODELS.items()}
    assert {menus[name] for name in ("GRP2612W", "GRP2616", "GRP2624", "GRP2634")} == {"Network → Remote Control"}
    assert menus["GRP2604P"] == "Network Settings → Advanced Settings → Remote Control"
    assert {menus[name] for name in ("GRP2636", "GRP2650", "GRP2670")} == {None}
    documented = {name for name, model in MODELS.items() if model.family.click_to_dial_menu is not None}
    assert documented == set(GUIDE["1.0.3.18"].split())


def test_counts_that_no_document_gives_are_not_guessed() -> None:
    for model in MODELS.values():
        assert (model.line_keys, model.accounts, model.soft_keys, model.mpk_keys) == (None, None, None, None)
    assert most_soft_keys("GRP2614") == most_soft_keys("") == 4
    assert most_mpk_keys("GRP2614") == most_mpk_keys("nonsense") == 160


def test_a_model_name_is_found_as_people_type_it() -> None:
    assert model_of(" grp2612w ") is MODELS["GRP2612W"]
    assert family_of("GRP2604P") is not family_of("GRP2670")
    assert family_of("HT801") is None


@pytest.mark.parametrize(
    ("user_agent", "identity"),
    [
        ("Grandstream GRP2614 1.0.9.22", ("GRP2614", "1.0.9.22")),
        ("Grandstream GRP2612W 1.0.11.84", ("GRP2612W", "1.0.11.84")),
        (" grandstream grp2602p 1.0.3.18 ", ("GRP2602P", "1.0.3.18")),
        ("Grandstream GRP2670/1.0.9.22", ("GRP2670", "1.0.9.22")),
        ("Grandstream GRP2615 V1.0.13.24", ("GRP2615", "1.0.13.24")),
        ("Grandstream GXP2135 1.0.11.57 000b82a14c07", ("GXP2135", "1.0.11.57")),
        ("Grandstream GRP2614 1.0.9.22 (secure; boot 1)", ("GRP2614", "1.0.9.22")),
    ],
)
def test_a_phone_is_known_by_its_user_agent(user_agent: str, identity: tuple[str, str]) -> None:
    assert identity_of(user_agent) == identity


@pytest.mark.parametrize(
    "user_agent",
    [
        *("", "Grandstream", "Grandstream GRP2614", "GRP2614 1.0.9.22", "Yealink SIP-T46S 66.84.0.15"),
        *("Not Grandstream GRP2614 1.0.9.22", "Grandstream GRP2614 1.0.9.22\r\nX: 1", "Grandstream GRP2614 1.0.9.x"),
        *("Grandstream <script> 1.0.9.22", "Grandstream GRP2614 1.0.9.22\x00", "Grandstream GRP٢٦١٤ 1.0.9.22"),
        *("Grandſtream GRP2614 1.0.9.22", "Grandstream GRP2614 99999.0.0", "Grandstream\tGRP2614\t1.0.9.22"),
        *("Grandstream " * 5000, "Grandstream GRP2614 1.0.9.22 " + "x" * 500, "Grandstream GRP2614 " + "1." * 5000),
        *(
            "Grandstream GRP2614 1.0.9.22\u202e",
            "Grandstream GRP2614 1.0.9.22 x\x00",
            "Grandstream GRP2614 1.0.9.22 \u202e",
            "Grandstream GRP261４ 1.0.9.22",
            "Asterisk PBX 22.10.1",
        ),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_what_is_not_a_grandstreams_user_agent_gives_nothing(user_agent: str) -> None:
    assert identity_of(user_agent) is None


@given(
    st.text(max_size=200)
    | st.text(alphabet="Grandstem GP261.0 9/V", max_size=170).map("Grandstream GRP2614 1.0".__add__)
)
def test_no_user_agent_makes_more_of_itself_than_a_short_model_and_a_version(user_agent: str) -> None:
    found = identity_of(user_agent)
    assert found is None or (len(found.model) <= 10 and len(found.firmware) <= 29 and found.model.isascii())
    assert found is None or firmware_verdict(*found) is not FirmwareVerdict.UNKNOWN_FIRMWARE
