"""Hundreds of thousands of commands of one year, made by the database itself: only reads are tried on them."""

from django.db import connection

from crmconnector.calls.models import CallCommand
from phones.models import Phone
from tests.support.many_calls import FIRST_NUMBER, PEOPLE, House

_COMMANDS = """
insert into calls_callcommand
    (id, kind, user_id, idempotency_key, fingerprint, phone_id, pbx_id, endpoint, path, may_fall_back, target,
     far_number, dial_string, account, digits, sequence, state, settled, reason_code, sentence, evidence, token,
     requested_at, not_after, granted_at, sent_at, ended_at, leg_id)
select gen_random_uuid(), (array['make_call','make_call','hold','blind_transfer','make_call'])[1 + n %% 5],
       %(user)s + n %% %(people)s, 'many-' || n, '', %(phone)s, %(pbx)s, 'PJSIP/' || n %% %(people)s, 'phone', false,
       '', '+4930' || (%(first)s + n), '030' || (%(first)s + n), 1, '', '',
       case when n %% 19 = 0 then 'unknown' when n %% 11 = 0 then 'refused' else 'confirmed' end, true, '', '', '', n,
       at, at + interval '30 seconds', at, at, at + interval '1 second',
       case when n %% 2 = 0 then %(leg)s + n %% %(legs)s end
from (select n, now() - interval '1 hour' - (%(count)s - n) * (interval '364 days' / %(count)s) as at
      from generate_series(1, %(count)s) as n) as told
"""
_CHANGES = """
insert into calls_commandchange (command_id, at, state, by, path, evidence)
select id, requested_at + place * interval '0.1 seconds', (array['requested','granted','sent'])[1 + place], 'worker',
       'phone', ''
from calls_callcommand, generate_series(0, 2) as place
"""


def add_commands(house: House, *, count: int) -> Phone:
    """One phone asked all of them, so that only indexes tell them apart; people and numbers are many."""
    phone = Phone.objects.create(name="Many", model="GRP2614", address="127.0.0.1", port=80, passcode="user-pass")
    with connection.cursor() as cursor:
        cursor.execute("select min(id), count(*) from calls_leg")
        leg, legs = cursor.fetchone()
        cursor.execute(
            _COMMANDS,
            {"user": house.people[0].pk, "people": PEOPLE, "phone": phone.pk, "pbx": house.pbx.pk, "count": count,
             "first": FIRST_NUMBER, "leg": leg, "legs": legs},
        )  # fmt: skip
        cursor.execute(_CHANGES)
        cursor.execute("analyze calls_callcommand, calls_commandchange")
    assert CallCommand.objects.count() == count
    return phone
