"""Recall and false joins over thousands of written forms; the figures are printed with `-s`.

Every text is stored, and every text rings: each caller must find all texts that mean its number and no other.
"""

from crmconnector.contacts.matching import MatchIndex
from tests.support.number_corpus import NASTY, PLANS, Form, corpus, outside_forms, subscribers
from tests.support.number_corpus_unseen import unseen_corpus
from tests.support.number_play import play


def test_the_corpus_is_as_large_as_was_promised():
    forms = corpus()
    assert len(forms) >= 5000
    assert len({form.home for form in forms}) >= 35


def test_every_form_finds_every_other_form_of_its_number_and_no_other():
    forms = corpus()
    played = play(forms, forms)
    print(played.sentence(f"own corpus, {len(forms):,} forms"))
    assert (played.missed, played.false_joins) == ([], [])


def test_every_form_behind_an_outside_prefix_finds_its_number():
    forms = corpus()
    known = subscribers()
    for prefix in ("0", "9"):
        callers = [
            Form(text, means, plan.country)
            for plan, number, means in known
            for text in outside_forms(plan, number, prefix)
        ]
        played = play(forms[::5], callers, prefixes=(prefix,))
        print(played.sentence(f"behind {prefix}"))
        assert played.recall >= 0.999
        assert played.false_joins == []


def test_numbers_of_all_countries_ring_in_every_country():
    everywhere = [Form(f"+{plan.code} {number}", means, plan.country) for plan, number, means in subscribers()]
    callers = [Form(form.means, form.means, plan.country) for form in everywhere for plan in PLANS]
    played = play([], callers[: 41 * 100], elsewhere=everywhere)
    print(played.sentence("abroad"))
    assert (played.missed, played.false_joins) == ([], [])


def test_a_corpus_made_by_other_means_is_read_as_well():
    home_forms, elsewhere = unseen_corpus(seed=7, each=2)
    played = play(home_forms, home_forms[::2], elsewhere=elsewhere[::9])
    print(played.sentence("unseen corpus"))
    assert played.recall >= 0.999
    assert played.false_joins == []


def test_nasty_texts_are_read_as_their_writers_meant_them():
    for text, home, means in NASTY:
        index = MatchIndex([(1, means or "+12025550147"), (2, "+4989218012"), (3, "+33142685300")], country=home)
        assert index.match(text) == ([1] if means else []), text


def test_no_form_of_one_number_finds_a_neighbour_that_differs_in_one_digit():
    forms = [form for form in corpus() if form.means]
    neighbours: dict[str, list[tuple[str, str]]] = {}
    for _, _, means in subscribers():
        last = str((int(means[-1]) + 1) % 10)
        for near in (means[:-1] + last, means[:-4] + last + means[-3:], means + "1", means[:-1]):
            if near != means:
                neighbours.setdefault(means, []).append((near, near))
    for form in forms[::7]:
        index = MatchIndex(neighbours.get(form.means, []), country=form.home)
        assert index.match(form.text) == [], form
