"""The rows behind the catalogue of pages: one office in which everything has happened once."""

from datetime import timedelta

from django.contrib.auth.models import Permission

from crmconnector.calls.models import Call, CallCommand, CommandStep, Disposition
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact, Erasure
from crmconnector.listener.models import DeadLetter, Heartbeat
from crmconnector.pbx.models import Line, Pbx, Queue, Trunk
from crmconnector.screenpop.models import CardLink, PopDecision, PopReceipt, PopRule, PopTest, QuietHours
from crmconnector.users.models import Role, Team, User
from crmconnector.web.seat_acts import check_file
from phones.doctor.checks import Verdict, say
from phones.doctor.examine import Subject, names_of
from phones.doctor.rows import finding
from phones.imports.plan import Options
from phones.models import Calibration, DeviceOrder, OrderKind, OrderState, Phone, PhoneImport, PhoneStatus
from tests.support.contact_files import checked, received
from tests.support.office import RowOffice, add_phone
from tests.support.pages import CARDS, World
from tests.support.web_story import add_call, add_command, add_leg, add_pop


def make_world(office: RowOffice, boss: User) -> World:
    """Rows behind every page. What people typed is written in Greek, so that it is told from the product's words."""
    world = World(office, {"boss": boss, "agent": office.users[0], "supervisor": office.users[1]})
    _people(world)
    _contacts(world)
    _phones(world)
    _calibrations(world)
    _pbx(world)
    _calls(world)
    _cards(world)
    _dials(world)
    _reasons(world)
    _files(world)
    return world


def _dials(world: World) -> None:
    """Calls that the agent asked for: refused by the phone, never found out about, and one under way."""
    agent, now = world.people["agent"], utc_now()
    for place, (state, sentence) in enumerate([("refused", "Οὐκ ἔστιν"), ("unknown", ""), ("sent", "")]):
        ended = None if state == "sent" else now
        command = CallCommand.objects.create(
            kind="make_call", user=agent, phone=world.office.phones[0], idempotency_key=f"dial-{place}", state=state,
            settled=ended is not None, sentence=sentence, far_number=f"+49302312544{place}", target="030 2312544",
            requested_at=now, not_after=now + timedelta(seconds=30), ended_at=ended,
        )  # fmt: skip
        world.ids["command_id"] = command.pk


def _people(world: World) -> None:
    boss, supervisor = world.people["boss"], world.people["supervisor"]
    User.objects.filter(pk=supervisor.pk).update(role=Role.SUPERVISOR)
    boss.user_permissions.add(*Permission.objects.filter(content_type__app_label="phones"))
    team = Team.objects.create(name="Ὀλύμπιοι")
    team.members.add(*world.office.users[:2])
    for user, name in zip([boss, *world.office.users], ("Ζεύς", "Ἑρμῆς", "Ἥρα", "Ἄρης"), strict=True):
        User.objects.filter(pk=user.pk).update(full_name=name)
    for user in world.people.values():
        user.refresh_from_db()
    world.ids["user_id"] = world.office.users[2].pk


def _contacts(world: World) -> None:
    full = world.office.add_contact("Ὅμηρος", "030 23125447", "+39 06 698 12345", company="Ἰλιάς")
    Contact.objects.filter(pk=full.pk).update(
        title="Ποιητής", notes="Μῆνιν ἄειδε θεά", email="a@example.net", owner=world.people["agent"], tags=["ἔπος"]
    )
    world.office.add_contact("Ἡσίοδος", "030 23125447")
    world.ids["contact_id"] = full.pk
    world.ids["bare"] = world.office.add_contact("Σαπφώ").pk


def _phones(world: World) -> None:
    now, (first, second, _third) = utc_now(), world.office.phones
    PhoneStatus.objects.create(
        phone=first, reachable=True, since=now, looked_at=now, answer_milliseconds=12, lines=["idle", "connected"],
        accounts=[{"account": 1, "sip_id": "201", "registered": True}], registered=True, accounts_at=now,
        do_not_disturb=True, do_not_disturb_at=now,
    )  # fmt: skip
    PhoneStatus.objects.create(
        phone=second, reachable=False, since=now, looked_at=now, failures=3, reason_code="timeout", sentence="Σιγή"
    )
    Phone.objects.filter(pk=second.pk).update(passcode_refused_at=now)
    free = add_phone(world.office.pbx, extension="290", port=8090)
    done = order(first, OrderKind.DOCTOR, OrderState.CONFIRMED, world.people["agent"], result=_report())
    for place, state in enumerate(OrderState.values):
        order(first, OrderKind.LOOK if place % 2 else OrderKind.KEYS, state, world.people["boss"])
    file = b"phone,address,passcode\nHot desk 9,127.0.0.1,1234\n,999.1.1.1,\nPhone 201,127.0.0.1:8001,\n"
    import_id = check_file(actor=world.people["boss"], name="Ἀριθμοί.csv", content=file, options=Options(), now=now).pk
    PhoneImport.objects.filter(pk=import_id).update(user=world.people["boss"])
    world.ids |= {
        "phone_id": first.pk, "unreachable": second.pk, "unasked": free.pk, "kind": "reboot", "order_id": done.pk,
        "import_id": import_id, "token": "x" * 43,
    }  # fmt: skip


def _calibrations(world: World) -> None:
    """One that came to its end on the first phone, one that goes on at the second, and what was learnt."""
    (first, second, _third), boss, now = world.office.phones, world.people["boss"], utc_now()
    trials = [
        {"name": "blind", "state": "worked", "sentence": "Καλῶς", "steps": [
            {"step": "open the transfer screen", "state": "seen", "seen": "Σιγή", "milliseconds": 480}]},
        {"name": "complete", "state": "failed", "sentence": "Κακῶς", "steps": [
            {"step": "press transfer", "state": "missed", "seen": "Σιγή", "milliseconds": None}]},
        {"name": "conference", "state": "stopped", "sentence": "Οὐκ οἶδα", "steps": []},
    ]  # fmt: skip
    ended = order(first, OrderKind.CALIBRATE, OrderState.CONFIRMED, boss, argument="202 203 blind,complete,conference",
                  sentence="Τέλος", result={"trials": trials})  # fmt: skip
    trials = [trials[0], {"name": "cancel", "state": "running", "sentence": "", "steps": [
        {"step": "put the caller on hold", "state": "sent", "seen": "", "milliseconds": None}]},
        {"name": "conference", "state": "waiting", "sentence": "", "steps": []}]  # fmt: skip
    order(second, OrderKind.CALIBRATE, OrderState.GRANTED, boss, argument="202 203 blind,cancel,conference",
          result={"trials": trials})  # fmt: skip
    for sequence, outcome in (("blind_transfer", "worked"), ("attended_complete", "failed")):
        Calibration.objects.create(
            phone=first, phone_name="Ἠχώ", model="GRP2614", firmware="1.0.9.30", sequence=sequence, outcome=outcome,
            sentence="" if outcome == "worked" else "Κακῶς", extension="202, 203", by_name="Ζεύς", at=now, ended_at=now,
            timings=[{"step": "open the transfer screen", "milliseconds": 480}],
        )  # fmt: skip
    world.ids["calibration_id"] = ended.pk


def order(phone: Phone, kind: str, state: str, user: User, **changes: object) -> DeviceOrder:
    """What was asked of a phone, in any state; what is over does not stand in the way of the next."""
    now = utc_now()
    if state in (OrderState.REQUESTED, OrderState.GRANTED):
        DeviceOrder.objects.filter(phone=phone, kind=kind, state__in=["requested", "granted"]).update(state="expired")
    fields = {
        "user": user, "user_name": user.username, "idempotency_key": f"{kind}-{DeviceOrder.objects.count()}",
        "requested_at": now, "not_after": now + timedelta(seconds=30), "granted_at": now,
        "ended_at": None if state in ("requested", "granted", "sent") else now, **changes,
    }  # fmt: skip
    return DeviceOrder.objects.create(phone=phone, kind=kind, state=state, **fields)


def _report() -> dict[str, object]:
    subject = Subject(name="Phone 201", address="127.0.0.1", port=80, scheme="http", model="GRP2614")
    told = say("Port %(port)d takes connections.", port=80)
    checks = [finding("reachable", verdict, told, milliseconds=38) for verdict in Verdict]
    return {"names": names_of(subject), "checks": [check.as_json() for check in checks]}


def _pbx(world: World) -> None:
    pbx, now = world.office.pbx, utc_now()
    Pbx.objects.filter(pk=pbx.pk).update(name="Θῆβαι")
    pbx.refresh_from_db()
    Line.objects.update(label="Δελφοί")
    Queue.objects.update(label="Ιθάκη")
    Trunk.objects.create(pbx=pbx, endpoint="PJSIP/guessed", found_because="Κλῆσις")
    pbx.gaps.create(from_at=now - timedelta(minutes=9), until_at=now - timedelta(minutes=2), reason="Σιγή")
    DeadLetter.objects.create(pbx=pbx, at=now, reason="Αἴνιγμα", raw="Event: Unheard")
    Heartbeat.objects.create(name="sweeper", at=now)
    world.ids |= {
        "pbx_id": pbx.pk, "trunk_id": Trunk.objects.first().pk, "line_id": Line.objects.get().pk,
        "queue_id": Queue.objects.get().pk,
    }  # fmt: skip


def _calls(world: World) -> None:
    agent = world.people["agent"]
    answered = add_call(world.office, contact=Contact.objects.get(pk=world.ids["contact_id"]))
    leg = answered.legs.get()
    add_command(leg, "requested", "granted", "sent", "confirmed")
    add_command(leg, "requested", "refused", sentence="Σιγή")
    _key_sequence(add_command(leg, "requested", "granted", "sent", "unknown", kind="blind_transfer", settled=True))
    add_leg(world.office, answered, place=1, outcome="elsewhere", answered_at=None)
    add_pop(answered, leg, state="closed", closed={"reason": "ended", "who": "", "seconds": 60}, ended_at=1.7e9)
    missed = add_call(
        world.office, disposition="no_answer", answered_at=None, answered_by=None, talk_seconds=None, queue_name="600",
        number="+442079460148",
    )  # fmt: skip
    ringing = _ringing(world, agent)
    for disposition in ("busy", "rejected", "failed", "unseen", "transferred"):
        add_call(world.office, disposition=disposition, caller_number="", direction="internal")
    world.ids |= {"call_id": answered.pk, "missed": missed.pk, "ringing": ringing.pk, "pop_id": answered.pops.get().pk}


def _key_sequence(command: CallCommand) -> None:
    """Its steps: one that was seen, one that was not, one that never came."""
    at = utc_now()
    rows = [
        ("open the transfer screen", "XFER", "caller on hold", "1 on hold, 2 dialing", "seen"),
        ("enter the number and send it", "3 digits, SEND", "line free", "every line idle", "missed"),
        ("take the caller back", "LINE1", "caller connected", "", "waiting"),
    ]
    for place, (name, keys, expected, observed, state) in enumerate(rows, start=1):
        CommandStep.objects.create(
            command=command, position=place, name=name, keys=keys, expected=expected, observed=observed, state=state,
            sent_at=None if state == "waiting" else at, seen_at=at if state == "seen" else None,
        )  # fmt: skip


def _reasons(world: World) -> None:
    """Why cards did or did not show, the rules of it, and a test of it."""
    agent, boss, now = world.people["agent"], world.people["boss"], utc_now()
    call, missed = Call.objects.get(pk=world.ids["call_id"]), Call.objects.get(pk=world.ids["missed"])
    pop = call.pops.get()
    PopReceipt.objects.create(pop=pop, desk="a", browser="Firefox on Windows", delivered_at=now, seen_at=now)
    PopDecision.objects.create(call=call, user=agent, shown=True, reason="shown", pop=pop, decided_at=now)
    for user, reason in ((agent, "rule"), (boss, "quiet"), (world.people["supervisor"], "no_desk")):
        PopDecision.objects.create(call=missed, user=user, shown=False, reason=reason, decided_at=now)
    PopRule.objects.create(user=agent, queue=Queue.objects.get(), when="never")
    PopRule.objects.create(when="answer")
    QuietHours.objects.create(user=agent, starts="20:00", ends="07:00", days=[0, 1])
    test = PopTest.objects.create(user=agent, by=agent, pop=pop, call=call, asked_at=now, taken_at=now, written_at=now)
    world.ids |= {
        "rule_id": PopRule.objects.create(user=boss, when="never").pk, "test_id": test.pk, "agent_id": agent.pk,
        "outcome_id": Disposition.objects.create(key=1, label="Χρησμός").pk,
        "link_id": CardLink.objects.create(label="Πύλη", template="https://crm.example.org/{e164}").pk,
    }  # fmt: skip


def _files(world: World) -> None:
    """Files of contacts in their states, and somebody who was erased."""
    boss, text = world.people["boss"], "Name,Phone\nΝέστωρ,+49 30 901820\n,1\n"
    world.ids |= {"file_id": received(text, actor=boss).pk, "checked_file": checked(text, actor=boss).pk}
    Erasure.objects.create(at=utc_now(), by=boss, by_name="Ζεύς", reason="Λήθη", counts={"calls": 12, "cards": 3})


def _ringing(world: World, user: User) -> Call:
    call = add_call(world.office, state="ringing", disposition="", answered_at=None, answered_by=None, ended_at=None)
    call.legs.update(state="ringing", user=user, outcome="", answered_at=None, ended_at=None)
    return call


def _cards(world: World) -> None:
    for place, (kind, payload) in enumerate(CARDS.items()):
        user = User.objects.create_user(f"card{place}", password="x", full_name=f"Μοῦσα {place}")
        call = _ringing(world, user)
        changes = dict(payload)
        state = str(changes.get("state", "ringing"))
        if state == "closed":
            changes["ended_at"] = utc_now().timestamp()  # an old one is gone from the desk
        add_pop(call, call.legs.get(), **{"state": state, **changes})
        world.people[f"card {kind}"] = user
