"""Who sits where after a file: taken over, moved, promised, left alone."""

from datetime import UTC, datetime

from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.phone_files import HEAD, HOUR, brought, causes, check, everything, sitting


def test_somebody_elses_phone_is_taken_only_when_that_is_chosen(office: RowOffice, now: datetime) -> None:
    line = "Phone 202,user201"
    assert check("phone,user", line, now=now).problems
    one = brought("phone,user", line, now=now, take_over=True)
    assert one.summary["seats_ended"] == 1
    assert one.summary["losing"] == [{"line": 2, "phone": "Phone 202", "user": "user202"}]
    assert sitting(now) == {"Phone 201": "user201", "Phone 202": "user201", "Phone 203": "user203"}


def test_people_keep_or_leave_their_other_phones_as_chosen(office: RowOffice, now: datetime) -> None:
    free = add_phone(office.pbx, extension="299", port=9999)
    brought("phone,user", f"{free.name},user201", now=now)
    assert set(sitting(now)) == {"Phone 201", "Phone 202", "Phone 203", "Phone 299"}
    more = add_phone(office.pbx, extension="298", port=9998)
    one = brought("phone,user", f"{more.name},user201", now=now + HOUR, move=True)
    assert one.summary["seats_ended"] == 2
    assert set(sitting(now + HOUR)) == {"Phone 202", "Phone 203", "Phone 298"}


def test_who_moves_frees_the_phone_for_the_next_line(office: RowOffice, now: datetime) -> None:
    """A ring of three, where nobody is put off a phone: each leaves it for the next."""
    one = brought(
        "phone,user", "Phone 201,user202", "Phone 202,user203", "Phone 203,user201", now=now, move=True
    )  # fmt: skip
    assert sitting(now) == {"Phone 201": "user202", "Phone 202": "user203", "Phone 203": "user201"}
    assert one.summary["seats_ended"] == 3 and sitting(now - HOUR / 2)["Phone 201"] == "user201"


def test_when_one_line_of_a_ring_is_bad_all_that_lean_on_it_are(office: RowOffice, now: datetime) -> None:
    lines = ["phone,user,port", "Phone 201,user202,", "Phone 202,user203,", "Phone 203,user201,8001"]
    one = check(*lines, now=now, move=True)
    assert causes(one).keys() == {(2, "user"), (3, "user"), (4, "address")} and one.summary["good"] == 0


def test_one_person_at_two_desks_is_refused_only_when_people_move(office: RowOffice, now: datetime) -> None:
    lines = [HEAD, "A,10.0.0.1,,1,,,user201", "B,10.0.0.2,,1,,,user201"]
    assert "you chose that people move" in causes(check(*lines, now=now, move=True))[2, "user"]
    assert not check(*lines, now=now).problems


def test_one_person_may_have_two_desks_one_after_the_other(office: RowOffice, now: datetime) -> None:
    head = "phone,address,passcode,user,from,until"
    brought(
        head, "A,10.0.0.1,1,user201,2098-01-01,2098-01-31", "B,10.0.0.2,1,user201,2098-02-01,", now=now, move=True
    )  # fmt: skip
    assert sitting(datetime(2098, 2, 1, tzinfo=UTC))["B"] == "user201"
    assert "A" not in sitting(datetime(2098, 2, 1, tzinfo=UTC))


def test_a_seat_that_is_there_gets_another_end(office: RowOffice, now: datetime) -> None:
    brought("phone,user,until", "Phone 201,user201,2098-12-31", now=now)
    assert office.phones[0].assignments.get().during.upper == datetime(2099, 1, 1, tzinfo=UTC)
    one = brought("phone,user", "Phone 201,user201", now=now + HOUR)
    assert office.phones[0].assignments.get().during.upper is None
    assert one.summary["seats_changed"] == 1 and one.summary["seats_new"] == 0


def test_a_phone_promised_to_somebody_is_not_given_over_that(office: RowOffice, now: datetime) -> None:
    free = add_phone(office.pbx, extension="299", port=9999)
    assign_phone(phone=free, user_id=office.users[1].pk, from_at=datetime(2098, 5, 1, tzinfo=UTC))
    for take_over in (False, True):
        one = check("phone,user", f"{free.name},user201", now=now, take_over=take_over)
        assert "user202 has it from" in causes(one)[2, "from"]
    brought("phone,user,until", f"{free.name},user201,2098-04-30", now=now)
    assert sitting(datetime(2098, 4, 30, 23, tzinfo=UTC))["Phone 299"] == "user201"


def test_the_same_file_twice_changes_nothing_the_second_time(office: RowOffice, now: datetime) -> None:
    lines = [HEAD, "A,10.0.0.1,8080,1,7,PJSIP/7,user201", "Phone 202,,,,,,user202"]
    brought(*lines, now=now, take_over=True)
    before = everything()
    one = brought(*lines, now=now + HOUR, take_over=True)
    assert everything() == before and one.undo == []
    assert one.summary["phones_unchanged"] == 2 and one.summary["seats_unchanged"] == 2
