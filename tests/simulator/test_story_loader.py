"""A story file is read strictly, and a wrong one is answered with a sentence."""

import copy
import json
import re

import pytest

from crmconnector.simulator.story import FIRST_DAY, IncomingScene, OutgoingScene
from crmconnector.simulator.story_loader import StoryError, load_story, read_story

RAW = json.loads(FIRST_DAY.read_text(encoding="utf-8"))
FICTION = [r"\+493023125\d{3}", r"\+442079460\d{3}", r"\+120255501\d{2}", r"\+3319900\d{4}"]


@pytest.fixture
def raw():
    return copy.deepcopy(RAW)


@pytest.fixture
def story():
    return load_story(FIRST_DAY)


def put(value, path, new):
    *way, last = path
    for key in way:
        value = value[key]
    value[last] = new


def test_the_first_person_signs_in_at_extension_204(story):
    first = story.people[0]
    assert (first.username, first.role, first.extension) == ("admin", "administrator", "204")
    assert len(story.people) >= 4


def test_every_number_of_the_first_day_is_kept_free_for_fiction():
    numbers = re.findall(r'"number": "([^"]+)"', FIRST_DAY.read_text(encoding="utf-8"))
    spelt = [re.sub(r"^00", "+", number) for number in numbers if number != "anonymous"]
    international = [re.sub(r"^0", "+49", number) for number in spelt]
    assert len(international) > 30
    assert [one for one in international if not any(re.fullmatch(kind, one) for kind in FICTION)] == []


def test_the_first_day_has_every_kind_of_scene_and_of_name(story):
    assert {type(scene) for scene in story.scenes} == {IncomingScene, OutgoingScene}
    assert len(story.scenes) >= 7
    assert any(scene.number == "anonymous" for scene in story.scenes)
    names = " ".join(contact.name for contact in story.contacts)
    assert re.search("[\u0600-\u06ff]", names)
    assert "'" in names
    assert "ü" in names
    numbers = [number.number for contact in story.contacts for number in contact.numbers]
    assert max(numbers.count(number) for number in numbers) >= 2
    assert len(story.contacts) >= 12


def test_a_scene_that_is_missed_gives_up_after_twenty_seconds(story):
    missed = next(scene for scene in story.scenes if scene.name == "missed-call")
    assert missed.caller_gives_up_after_seconds == 20


def test_a_far_end_is_found_by_national_and_international_spelling(story):
    for number in ("+442079460124", "00442079460124", "0044 20 7946 0124"):
        assert story.far_end(number).outcome == "busy"
    assert story.far_end("00442079460999").outcome == "answer"


WRONG = [
    (["seed"], "seven", "story.seed must be a whole number, not text."),
    (["seed"], True, "story.seed must be a whole number, not true or false."),
    (["seed"], None, "story.seed must be a whole number, not null."),
    (["pause_seconds"], [12], "story.pause_seconds must have 2 values, not 1."),
    (["pause_seconds"], [15, 12], "story.pause_seconds runs backwards"),
    (["pause_seconds"], [-1, 12], "story.pause_seconds[0] is -1; a time cannot be negative."),
    (["people"], {}, "story.people must be a list, not an object."),
    (["people"], [], "story.people is empty; the first person is the one who signs in."),
    (["people", 0], "admin", "story.people[0] must be an object with keys, not text."),
    (["people", 0, "role"], "boss", "story.people[0].role is 'boss'; write one of: administrator, agent, supervisor."),
    (["people", 0, "extension"], "299", "story.people[0].extension is '299'; write one of: 204, 205, 206, 207."),
    (["people", 1, "username"], "admin", "Two usernames are 'admin'; each must be different."),
    (["people", 0, "nickname"], "Al", "story.people[0] has the key 'nickname', which means nothing; known are:"),
    (["phones", 1, "extension"], "204", "Two extensions of phones are '204'"),
    (["phones", 1, "port_offset"], 0, "Two port offsets are 0"),
    (["phones", 1, "mac"], "C074AD000204", "Two MAC addresses are 'C074AD000204'"),
    (["phones", 1, "mac"], "c0:74", "story.phones[1].mac must be 12 digits 0-9 A-F."),
    (["phones", 1, "profile"], "toaster", "story.phones[1].profile is 'toaster'; write one of: dect, grp-old,"),
    (["pbx", "lines", 0, "trunk"], "nowhere", "story.pbx.lines[0].trunk is 'nowhere'; write one of: carrier-berlin."),
    (["pbx", "lines", 0, "target"], "999", "story.pbx.lines[0].target is '999'"),
    (["pbx", "lines", 1, "number"], "+493023125100", "Two line numbers are '+493023125100'"),
    (["pbx", "queues", 0, "members"], ["999"], "The members of 600 in story.pbx is '999'"),
    (["scenes", 0, "kind"], "opera", "story.scenes[0].kind is 'opera'; write one of: incoming, outgoing."),
    (["scenes", 0], [], "story.scenes[0].kind is None"),
    (["scenes", 0, "line"], "+1", "story.scenes[0].line is '+1'"),
    (["scenes", 0, "target"], "999", "story.scenes[0].target is '999'"),
    (["scenes", 1, "name"], "known-customer", "Two scene names are 'known-customer'"),
    (["scenes", 3, "colleagues", 0, "deed"], "sleep", "story.scenes[3].colleagues.deed is 'sleep'"),
    (["scenes", 3, "colleagues", 0, "extension"], "999", "story.scenes[3].colleagues.extension is '999'"),
    (["scenes", -1, "extension"], "999", "story.scenes[7].extension is '999'"),
    (["scenes", -1, "far_end", "outcome"], "magic", "story.scenes[7].far_end.outcome is 'magic'"),
    (["far_ends", 0, "outcome"], "magic", "story.far_ends[0].outcome is 'magic'"),
    (["far_ends", 0, "number"], "", "story.far_ends[0] lacks the key 'number'."),
    (["far_end_default", "outcome"], "magic", "story.far_end_default.outcome is 'magic'"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), WRONG)
def test_a_wrong_value_is_answered_with_a_sentence(raw, path, value, sentence):
    put(raw, path, value)
    with pytest.raises(StoryError) as caught:
        read_story(raw)
    assert str(caught.value).startswith(sentence)


def test_a_missing_key_is_named(raw):
    del raw["people"][2]["team"]
    with pytest.raises(StoryError, match=re.escape("story.people[2] lacks the key 'team'.")):
        read_story(raw)


def test_a_wrong_passcode_is_not_told(raw):
    raw["phones"][0]["user_passcode"] = {"secret": "hush"}
    with pytest.raises(StoryError) as caught:
        read_story(raw)
    assert "hush" not in str(caught.value)


def test_a_file_that_is_no_json_or_is_not_there(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(StoryError, match=r"The story file broken\.json is not JSON"):
        load_story(broken)
    with pytest.raises(StoryError, match=r"The story file absent\.json cannot be read: No such file"):
        load_story(tmp_path / "absent.json")
