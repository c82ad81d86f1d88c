"""What people write about calls: one note each, nothing lost between two tabs, outcomes by key."""

import threading

import pytest
from django.db import connection

from crmconnector.calls.models import CallNote, Disposition
from crmconnector.calls.notes import (
    LONGEST_NOTE,
    USUAL_OUTCOMES,
    NoteProblem,
    add_usual_outcomes,
    ensure_outcomes,
    note_version,
    record_outcome,
    save_note,
)
from tests.support.web_story import add_call


@pytest.fixture
def call(office):
    return add_call(office)


def test_a_note_is_one_row_per_person_however_often_it_is_kept(office, call):
    version = ""
    for text in ("Wants", "Wants a credit", "Wants a credit note"):
        kept = save_note(call=call, user=office.users[0], text=text, seen_version=version)
        version = note_version(kept.note)
        assert kept.replaced == ""
    save_note(call=call, user=office.users[1], text="Mine", seen_version="")
    assert sorted(CallNote.objects.values_list("text", flat=True)) == ["Mine", "Wants a credit note"]


def test_a_tab_that_writes_over_another_tabs_text_is_told_and_gets_it_back(office, call):
    user = office.users[0]
    save_note(call=call, user=user, text="From the first tab", seen_version="")
    kept = save_note(call=call, user=user, text="From the second tab", seen_version="")
    assert (kept.note.text, kept.replaced) == ("From the second tab", "From the first tab")


def test_the_same_text_again_replaces_nothing(office, call):
    for _ in range(2):
        kept = save_note(call=call, user=office.users[0], text="Same", seen_version="")
        assert kept.replaced == ""


def test_a_note_that_is_too_long_is_refused_whole_and_the_old_one_stays(office, call):
    save_note(call=call, user=office.users[0], text="x" * LONGEST_NOTE, seen_version="")
    with pytest.raises(NoteProblem, match="3 characters too long"):
        save_note(call=call, user=office.users[0], text="y" * (LONGEST_NOTE + 3), seen_version="")
    assert CallNote.objects.get().text == "x" * LONGEST_NOTE


def test_what_a_database_cannot_hold_is_left_out(office, call):
    assert save_note(call=call, user=office.users[0], text="a\x00b\r\nc", seen_version="").note.text == "ab\nc"


def test_an_outcome_can_change_and_be_taken_back_and_leaves_the_text_alone(office, call):
    user, one, two = office.users[0], *add_usual_outcomes()[:2]
    version = note_version(save_note(call=call, user=user, text="Text", seen_version="").note)
    for outcome in (one, two, two, None):
        record_outcome(call=call, user=user, outcome=outcome)
        note = CallNote.objects.get()
        assert (note.outcome, note.text, note_version(note)) == (outcome, "Text", version)


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_write_at_once_make_one_row_and_neither_fails(office, call):
    problems, together = [], threading.Barrier(6)

    def write(place):
        try:
            connection.ensure_connection()
            together.wait(20)
            save_note(call=call, user=office.users[0], text=f"Tab {place}", seen_version="")
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    tabs = [threading.Thread(target=write, args=(place,)) for place in range(6)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(20)
    assert problems == [] and CallNote.objects.count() == 1


def test_the_usual_outcomes_never_take_a_key_or_a_name_in_use(db):
    Disposition.objects.create(key=2, label="Own")
    Disposition.objects.create(key=8, label="passed ON")
    assert [one.key for one in add_usual_outcomes()] == [1, 4, 5]
    assert add_usual_outcomes() == []
    assert 9 not in {key for key, _label, _explanation in USUAL_OUTCOMES}  # "do not call" is an office's own decision


def test_only_a_first_start_makes_outcomes(db):
    ensure_outcomes()
    assert Disposition.objects.count() == len(USUAL_OUTCOMES)
    Disposition.objects.exclude(key=1).delete()
    ensure_outcomes()
    assert Disposition.objects.count() == 1
