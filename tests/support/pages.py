"""The catalogue of pages: every page of the product in every state that looks different, with rows behind it.

Walkers (translation, accessibility, narrow screens) go through `catalogue()`; tests.support.page_rows makes the rows.
A new address must be named by a `Case` here or in `NO_PAGE` with its reason; a test of the walkers says so.
"""

from dataclasses import dataclass, field

from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from crmconnector.users.models import User
from tests.support.office import RowOffice
from tests.support.web_story import caller, person

NO_PAGE = {
    "theme": "a POST that sends one back",
    "sign-out": "a POST that sends one back",
    "home": "sends one on to the desk",
    "pop-stream": "events for the desk's script",
    "pop-answer": "a POST that answers 202",
    "do-not-disturb": "a POST that answers 202",
    "pop-verb": "a POST that answers 202",
    "pop-receipts": "for the desk's script, 204",
    "pop-choose": "a POST that sends one back",
    "pop-create": "a POST that sends one back",
    "pop-attach": "a POST that sends one back",
    "pop-outcome": "a POST that sends one back",
    "pop-close": "a POST that sends one back",
    "pop-rule-remove": "a POST that sends one back",
    "pop-test-ask": "a POST that sends one on to its page",
    "call-bind": "a POST that sends one back",
    "call-note": "a POST that sends one back",
    "outcome-usual": "a POST that sends one back",
    "card-link-remove": "a POST that sends one back",
    "contact-import-go-on": "a POST that sends one back",
    "contact-import-remove": "a POST that sends one back",
    "contact-export": "a file",
    "phone-check": "a POST that sends one back",
    "phone-release": "a POST that sends one back",
    "phone-sit": "a POST that sends one back",
    "phone-import-sample": "a file",
    "phone-import-apply": "a POST that sends one back; its refusal is the plan's page",
    "phone-doctor-run": "a POST that sends one back",
    "phone-calibration-stop": "a POST that sends one back",
    "phone-event-token": "a POST that sends one back",
    "phone-event": "for phones, a word of text",
    "trunk-decide": "a POST that sends one back",
    "line-remove": "a POST that sends one back",
    "queue-remove": "a POST that sends one back",
    "dialling-allow": "a POST that sends one back",
    "healthz": "for machines, JSON",
    "readyz": "for machines, JSON",
}


@dataclass
class World:
    """The rows, by the names that the cases use. `people`: who looks."""

    office: RowOffice
    people: dict[str, User] = field(default_factory=dict)
    ids: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One page as one person sees it. `form` None: a GET; else the POST whose answer is a page."""

    key: str
    name: str  # the name of the address; empty for the pages of errors
    who: str = "boss"
    query: str = ""
    form: dict[str, object] | None = None
    ids: dict[str, str] = field(default_factory=dict)  # argument of the address -> name in World.ids, when they differ
    also: tuple[str, str] = ("", "")  # a query argument whose value is a name in World.ids
    status: int = 200
    part: bool = False  # a fragment, shown within a page
    main: bool = False  # also looked at on a narrow screen in the short runs

    def address(self, world: World) -> str:
        if not self.name:
            return self.query
        pattern = next(each for each in patterns() if each.name == self.name)
        chosen = {key: world.ids[self.ids.get(key, key)] for key in pattern.pattern.converters}
        more = f"?{self.also[0]}={world.ids[self.also[1]]}" if self.also[0] else ""
        return reverse(self.name, kwargs=chosen) + self.query + more

    def answer(self, world: World, client: Client) -> HttpResponse:
        """The page as the test client gets it, asked by its person."""
        if self.who:
            client.force_login(world.people[self.who])
        address = self.address(world)
        return client.get(address) if self.form is None else client.post(address, self.form)


def patterns() -> list[URLPattern]:
    return [each for each in get_resolver().url_patterns if isinstance(each, URLPattern)]


EMPTY: list[Case] = [
    Case(f"{name}, nothing there", name, query=query)
    for name, query in [
        ("desk", ""), ("calls", ""), ("calls", "?show=missed"), ("contacts", ""), ("phones", ""), ("pbxes", ""),
        ("people", ""), ("health", ""), ("own-phone", ""), ("phone-import", ""), ("phone-new", ""),
        ("person-new", ""), ("pop-reasons", ""), ("pop-rules", ""), ("card-settings", ""), ("contact-imports", ""),
        ("contact-erasures", ""), ("numbers", "?number=030+1"),
    ]
]  # fmt: skip

FULL: list[Case] = [
    Case("sign-in", "sign-in", who="", main=True),
    Case("sign-in refused", "sign-in", who="", form={"username": "nobody", "password": "wrong"}),
    Case("desk of an agent", "desk", who="agent", main=True),
    Case("desk of a supervisor", "desk", who="supervisor", query="?recent=team"),
    Case("desk of an administrator", "desk"),
    Case("desk, what changes by itself", "desk-status", who="agent", part=True),
    Case("desk, calls asked for", "desk-dials", who="agent", part=True),
    Case("dial", "dial", who="agent", query="?number=030+23125447", main=True),
    Case("dial, nothing given", "dial", who="agent"),
    Case("dial, no number", "dial", who="agent", query="?number=abc"),
    Case("dial, not allowed", "dial", who="agent", query="?number=%2B1+900+555+1234", main=True),
    Case("dial, emergency", "dial", who="agent", query="?number=112"),
    Case("dial without a phone", "dial", query="?number=030+23125447"),
    Case("dial refused", "dial", form={"number": "1", "key": "k", "sure": "1"}, status=409),
    Case("a call asked for", "dialled", who="agent", part=True),
    Case("what the box finds", "dial-find", who="agent", query="?q=Ὅμη", part=True),
    Case("desk, the cards alone", "desk-cards", who="card known", part=True),
    Case("calls", "calls", main=True),
    Case("calls of an agent", "calls", who="agent"),
    Case("calls missed", "calls", query="?show=missed"),
    Case("calls in all parts", "calls", query="?parts=1"),
    Case("calls, nothing found", "calls", query="?q=zzzzzz"),
    Case("call", "call", main=True),
    Case("call missed", "call", ids={"call_id": "missed"}),
    Case("call going on", "call", ids={"call_id": "ringing"}),
    Case("contacts", "contacts", main=True),
    Case("contacts, nothing found", "contacts", query="?q=zzzzzz"),
    Case("contact", "contact", main=True),
    Case("contact of an agent", "contact", who="agent"),
    Case("contact without anything", "contact", ids={"contact_id": "bare"}),
    Case("contact-new", "contact-new", who="agent", main=True),
    Case("contact-new refused", "contact-new", form={"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 0}),
    Case("contact-edit", "contact-edit"),
    Case("contact-merge, whom", "contact-merge", query="?q=Ἡσίοδος"),
    Case("contact-merge of two", "contact-merge", also=("with", "bare")),
    Case("contact-erase", "contact-erase"),
    Case("contact-erase refused", "contact-erase", form={"name": "?"}),
    Case("contact-erasures", "contact-erasures"),
    Case("contact-erasures asked for a number", "contact-erasures", form={"number": "030 23125447"}),
    Case("contact-imports", "contact-imports", main=True),
    Case("contact-imports refused", "contact-imports", form={}),
    Case("contact-import", "contact-import", main=True),
    Case("contact-import checked", "contact-import", ids={"file_id": "checked_file"}),
    Case("contact-import, its progress", "contact-import-now", part=True),
    Case("contact-import-check refused", "contact-import-check", form={}),
    Case("contact-import-apply refused", "contact-import-apply", form={}, status=409),
    Case("contact-import-undo refused", "contact-import-undo", form={}, status=409),
    Case("card-settings", "card-settings", main=True),
    Case("outcome-new", "outcome-new"),
    Case("outcome-new refused", "outcome-new", form={"key": "x"}),
    Case("outcome-edit", "outcome-edit"),
    Case("card-link-new", "card-link-new"),
    Case("card-link-new refused", "card-link-new", form={"template": "javascript:1"}),
    Case("card-link-edit", "card-link-edit"),
    Case("card-link-preview", "card-link-preview", query="?template=https://x.example/{e164}", part=True),
    Case("contacts to add a number to", "pop-find", who="agent", query="?q=Ὅμη", part=True),
    Case("whom to hand a call to", "pop-targets", who="agent", query="?q=20", part=True),
    Case("a note that is kept", "pop-note", who="agent", form={"text": "Μῆνις"}, part=True),
    Case("pop-reasons", "pop-reasons", main=True),
    Case("pop-reasons of an agent", "pop-reasons", who="agent"),
    Case("pop-reasons, nothing found", "pop-reasons", query="?q=zzzzzz"),
    Case("pop-rules", "pop-rules", who="agent", main=True),
    Case("pop-rules refused", "pop-rules", who="agent", form={"form": "quiet", "starts": "x"}),
    Case("pop-rules, an exception refused", "pop-rules", who="agent", form={"form": "exception"}),
    Case("pop-rules-house", "pop-rules-house"),
    Case("pop-rules-of", "pop-rules-of", ids={"user_id": "agent_id"}),
    Case("pop-test", "pop-test", who="agent", main=True),
    Case("pop-test, its steps", "pop-test-now", who="agent", part=True),
    Case("dialling", "dialling", main=True),
    Case("dialling refused", "dialling", form={"countries": "Atlantis", "calls_a_minute": "0"}),
    Case("dialling-stop refused", "dialling-stop", form={}),
    Case("dialling-pbx refused", "dialling-pbx", form={"dial_prefix": "x"}),
    Case("dialling-line refused", "dialling-line", form={"dial_prefix": "x"}),
    Case("dialling, what it comes to", "dialling-examples", query="?dial_prefix=0&dial_style=national", part=True),
    Case("phones", "phones", main=True),
    Case("phones, nothing found", "phones", query="?q=zzzzzz"),
    Case("phones, live rows", "phones-live", query="?ids=1", part=True),
    Case("phone-new", "phone-new"),
    Case("phone-new refused", "phone-new", form={"port": "99999", "accounts-TOTAL_FORMS": 1,
                                                 "accounts-INITIAL_FORMS": 0}),
    Case("phone", "phone", main=True),
    Case("phone out of reach", "phone", ids={"phone_id": "unreachable"}),
    Case("phone that nobody asked", "phone", ids={"phone_id": "unasked"}),
    Case("phone, what changes by itself", "phone-now", part=True),
    Case("phone-edit", "phone-edit"),
    Case("phone-assign refused", "phone-assign", form={}, ids={"phone_id": "unasked"}),
    Case("phone-keys refused", "phone-keys", form={"keys": "???"}, ids={"phone_id": "unasked"}),
    Case("phone-order", "phone-order", ids={"phone_id": "unasked"}),
    Case("phone-order refused", "phone-order", form={"typed_name": "?"}, ids={"phone_id": "unasked"}),
    Case("phone-swap", "phone-swap"),
    Case("phone-swap of two", "phone-swap", query="?other=Phone+202"),
    Case("phone-bulk to assign", "phone-bulk", form={"action": "assign", "phones": "1"}),
    Case("phone-bulk to release", "phone-bulk", form={"action": "release", "phones": "1"}),
    Case("phone-import", "phone-import", main=True),
    Case("phone-import refused", "phone-import", form={}),
    Case("phone-import-plan", "phone-import-plan"),
    Case("phone-import-undo refused", "phone-import-undo", form={}, status=409),
    Case("phone-doctor never run", "phone-doctor", ids={"phone_id": "unasked"}),
    Case("phone-doctor", "phone-doctor", main=True),
    Case("phone-doctor of an agent", "phone-doctor", who="agent"),
    Case("phone-doctor-report", "phone-doctor-report", part=True),
    Case("ways", "ways", main=True),
    Case("ways refused", "ways", form={"fall-hang_up": "on"}),
    Case("phone-ways", "phone-ways", main=True),
    Case("phone-models", "phone-models", main=True),
    Case("phone-calibrate never run", "phone-calibrate", ids={"phone_id": "unasked"}),
    Case("phone-calibrate refused", "phone-calibrate", form={"first": "112"}, ids={"phone_id": "unasked"}),
    Case("phone-calibrate", "phone-calibrate", main=True),
    Case("phone-calibrate as it goes on", "phone-calibrate", ids={"phone_id": "unreachable"}),
    Case("phone-calibration", "phone-calibration", ids={"order_id": "calibration_id"}, part=True),
    Case("phone-events", "phone-events"),
    Case("own-phone", "own-phone", who="agent", main=True),
    Case("own-phone, what changes by itself", "own-phone-now", who="agent", part=True),
    Case("pbxes", "pbxes", main=True),
    Case("pbx-new", "pbx-new"),
    Case("pbx-new refused", "pbx-new", form={"port": "99999", "host": "a b"}),
    Case("pbx", "pbx", main=True),
    Case("pbx with its unread events", "pbx", query="?unread=1"),
    Case("pbx-edit", "pbx-edit"),
    Case("trunk-add refused", "trunk-add", form={"endpoint": ""}),
    Case("line-add refused", "line-add", form={"did": "", "country": "XX"}),
    Case("line-country refused", "line-country", form={"country": "XX"}),
    Case("queue-add refused", "queue-add", form={"name": ""}),
    Case("numbers", "numbers", who="agent", main=True),
    Case("numbers, one", "numbers", who="agent", query="?number=030+23125447", main=True),
    Case("numbers, an extension", "numbers", who="agent", query="?number=202"),
    Case("numbers, withheld", "numbers", who="agent", query="?number=anonymous"),
    Case("numbers, unreadable", "numbers", who="agent", query="?number=1-800-FLOWERS"),
    Case("numbers, several", "numbers", query="?number=030+23125447%0A112%0Aanonymous", main=True),
    Case("numbers refused", "numbers", query="?number=1&country=XX"),
    Case("people", "people", main=True),
    Case("people, nobody found", "people", query="?q=zzzzzz"),
    Case("person-new", "person-new"),
    Case("person-new refused", "person-new", form={"username": ""}),
    Case("person-edit", "person-edit"),
    Case("person-password", "person-password"),
    Case("person-password refused", "person-password", form={"password": "1"}),
    Case("team-new refused", "team-new", form={"name": ""}),
    Case("own-password", "own-password", who="agent"),
    Case("own-password refused", "own-password", who="agent", form={"old": "x", "new": "1", "again": "2"}),
    Case("health", "health", main=True),
    Case("nothing here", "", query="/there-is-no-such-page", status=404, who="agent"),
    Case("not for this role", "people", who="agent", status=403),
]  # fmt: skip

# One person for each kind of card: who looks at the desk sees just that one.
CARDS: dict[str, dict[str, object]] = {
    "known": {"caller": caller("known"), "people": [person()], "rule": "exact", "calls_before": 3, "last_calls": [
        {"kind": kind, "seconds": 48, "with": "Οδυσσέας", "at": 1_700_000_000.0}
        for kind in ("talked", "missed", "no_answer")]},
    "several": {"caller": caller("several"), "people": [person("Ἀθηνᾶ"), person("Ποσειδῶν", id=2, company="")]},
    "unknown": {"caller": caller("unknown", network_name="ΛΕΩΝΙΔΑΣ")},
    "withheld": {"caller": caller("withheld", number="", written="")},
    "colleague": {"caller": caller("colleague", network_name="Πηνελόπη", extension="211"), "direction": "internal"},
    "in a queue": {"caller": caller("known"), "people": [person()], "queue": "Ιθάκη"},
    "talking": {"state": "talking", "caller": caller("known"), "people": [person()], "rule": "national"},
    "held": {"state": "held", "caller": caller("unknown")},
    **{f"closed, {reason}": {"state": "closed", "closed": {"reason": reason, "who": "Πηνελόπη", "seconds": 6},
                             "caller": caller("unknown")}
       for reason in ("elsewhere", "gave_up", "rejected", "busy", "no_answer", "ended", "unseen")},
}  # fmt: skip


def catalogue() -> list[Case]:
    """Every page with rows behind it; the pages of `EMPTY` are walked before there are any."""
    return [*FULL, *(Case(f"card {kind}", "desk", who=f"card {kind}", main=True) for kind in CARDS)]


def unnamed() -> set[str]:
    """Addresses that stand in no case and not among the exceptions."""
    return {str(each.name) for each in patterns()} - {case.name for case in catalogue()} - set(NO_PAGE)
