"""The sentences: each word has one, names are isolated in them, the cure is offered to whoever can bring it."""

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from crmconnector.common.clock import utc_now
from crmconnector.screenpop.decisions import NOT_SHOWN, WORDS
from crmconnector.screenpop.explain import LABELS, explain_call
from crmconnector.screenpop.models import PopDecision, PopReceipt, PopRule
from crmconnector.users.models import Role
from tests.support.web_story import NASTY, add_call, add_leg, add_pop


def keep(call, user, reason, *, pop=None, endpoint="PJSIP/201", **details):
    return PopDecision.objects.create(
        call=call, user=user, endpoint=endpoint, shown=pop is not None, reason=reason, details=details, pop=pop,
        decided_at=utc_now(),
    )  # fmt: skip


def told(call):
    (one,) = explain_call(call)
    return one


def drawn(call, user):
    request = RequestFactory().get("/")
    request.user = user
    return render_to_string(
        "screenpop/explained.html", {"explained": explain_call(call), "user": user}, request=request
    )


@pytest.mark.parametrize("word", NOT_SHOWN)
def test_each_reason_for_no_card_has_its_own_sentence(office, word):
    call = add_call(office)
    keep(call, office.users[0], word)
    one = told(call)
    assert one.sentence.startswith(("Not shown", "No card")) and one.sentence.endswith(".")
    assert one.title == "No card for \u2068User 201\u2069"
    assert word in LABELS


def test_every_word_has_a_label():
    assert set(WORDS) < set(LABELS)


def test_a_rule_names_its_queue_or_line_and_leads_to_where_it_is_changed(office):
    call, line = add_call(office), office.pbx.lines.get()
    rule = PopRule.objects.create(line=line, when="never")
    keep(call, office.users[0], "rule", rule=rule.pk, because="line", when="never")
    one = told(call)
    assert one.sentence == "Not shown: pop-ups are off for \u2068Support DE\u2069."
    assert (one.action_url, one.action_label, one.for_user) == ("/pops/rules/house", "Change the rule", None)


def test_a_rule_that_is_gone_since_still_has_a_sentence(office):
    call = add_call(office)
    keep(call, office.users[0], "rule", rule=12345, because="user_queue", when="never")
    assert told(call).sentence == "Not shown: pop-ups are off for \u2068a queue or line\u2069."


def test_the_cure_is_offered_only_to_whoever_may_open_it(office):
    call, (owner, colleague, boss) = add_call(office), office.users
    boss.role = Role.ADMINISTRATOR
    boss.save()
    keep(call, owner, "rule", because="user", when="never")
    assert 'href="/pops/rules">Change the rule' in drawn(call, owner)
    assert "Change the rule" not in drawn(call, colleague)
    assert f'href="/pops/rules/of/{owner.pk}">Change the rule' in drawn(call, boss)


def test_who_took_the_call_is_named(office):
    call = add_call(office, place=1)
    add_leg(office, call, place=0, outcome="elsewhere", answered_at=None)
    keep(call, office.users[0], "answered_elsewhere", by="PJSIP/202")
    assert told(call).sentence == "Not shown: \u2068User 202\u2069 took the call before the card could open."


def test_a_taker_whom_we_do_not_know_is_told_by_extension(office):
    call = add_call(office)
    keep(call, office.users[0], "answered_elsewhere", by="PJSIP/999")
    assert "\u2068999\u2069 took the call" in told(call).sentence


def test_a_card_is_told_with_every_desk_that_placed_it(office):
    call = add_call(office)
    pop = add_pop(call, call.legs.get())
    keep(call, office.users[0], "ring", pop=pop, because="default", when="ring")
    at = utc_now()
    PopReceipt.objects.create(pop=pop, desk="a", browser="Firefox on Windows", delivered_at=at, seen_at=at)
    PopReceipt.objects.create(pop=pop, desk="b", browser="", delivered_at=at)
    one = told(call)
    assert (one.title, one.tone) == ("Card shown to \u2068User 201\u2069", "proven")
    assert "Delivered to \u2068Firefox on Windows\u2069 at" in one.sentence and ", seen at" in one.sentence
    assert "Delivered to \u2068a browser\u2069 at" in one.sentence and "not looked at." in one.sentence


def test_people_with_a_card_come_first(office):
    call = add_call(office)
    keep(call, office.users[1], "quiet_hours")
    keep(call, office.users[0], "ring", pop=add_pop(call, call.legs.get()), when="ring")
    assert [one.word for one in explain_call(call)] == ["ring", "quiet_hours"]


def test_a_call_from_before_the_reasons_is_told_as_far_as_it_is_known(office):
    call = add_call(office)
    leg = call.legs.get()
    add_leg(office, call, place=1, outcome="elsewhere", answered_at=None)
    add_pop(call, leg, state="closed")
    with_card, without = explain_call(call)
    assert (with_card.who, with_card.shown, with_card.title) == ("User 201", True, "Card made for \u2068User 201\u2069")
    assert (without.who, without.shown, without.sentence) == ("User 202", False, "Why was not recorded then.")


def test_a_call_that_concerned_nobody_says_so(office):
    call = add_call(office)
    call.legs.all().delete()
    assert "No phone of anybody was concerned" in drawn(call, office.users[0])


def test_a_call_of_many_people_takes_no_query_each(office):
    def cost(call):
        with CaptureQueriesContext(connection) as asked:
            explain_call(call)
        return len(asked)

    one, many = add_call(office), add_call(office)
    keep(one, office.users[0], "ring", pop=add_pop(one, one.legs.get()))
    for place, user in enumerate(office.users):
        leg = many.legs.get() if place == 0 else add_leg(office, many, place=place)
        keep(many, user, "ring", pop=add_pop(many, leg), endpoint=f"PJSIP/20{place}")
    assert cost(one) == cost(many) <= 5


def test_names_stay_text_in_the_panel(office):
    call = add_call(office)
    office.users[0].full_name = NASTY
    office.users[0].save()
    keep(call, office.users[0], "ring", pop=add_pop(call, call.legs.get()), endpoint="PJSIP/<b>x</b>")
    page = drawn(call, office.users[0])
    assert "<img" not in page and "<b>x" not in page and "&lt;img" in page


def test_sentences_are_made_in_the_readers_language(office):
    call = add_call(office)
    keep(call, office.users[0], "quiet_hours")
    with translation.override("en-gb"):
        assert told(call).sentence == "Not shown: quiet hours."
