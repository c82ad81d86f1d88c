"""The number playground: type or paste anything. Open to everybody who signs in; GET only, so a link can be shared."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from crmconnector.pbx.models import Line
from crmconnector.pbx.selectors import home_country, pbxes_heard_here
from crmconnector.web.number_page import LONGEST_LINE, NumberProblem, countries, lines_of, place_of, tell_many, tell_one
from crmconnector.web.people import signed_in

EXAMPLES = ("+44 20 7946 0148", "0049 (0)30 / 23125-447", "1-800-FLOWERS", "204", "112", "anonymous", "٠١ ٩٩ ٠٠ ٦٢ ٠٨")


@require_safe
def numbers(request: HttpRequest) -> HttpResponse:
    """One text: its whole story. Several lines: a table."""
    text, country, line = (
        request.GET.get(name, "").replace("\x00", "\ufffd") for name in ("number", "country", "line")
    )
    context: dict[str, object] = {"text": text, "country": country[:LONGEST_LINE].upper(), "line": line[:80]}
    try:
        texts, place = lines_of(text), place_of(country, line)
        context["place"] = place
        if len(texts) == 1:
            context["story"] = tell_one(texts[0], place, seen_by=signed_in(request))
        else:
            context["rows"] = tell_many(texts, place, seen_by=signed_in(request))
    except NumberProblem as problem:
        context |= {"problem": problem, "text": text[:200]}
    return render(request, "numbers/numbers.html", {**context, **_choices()})


def _choices() -> dict[str, object]:
    lines = Line.objects.filter(pbx__in=pbxes_heard_here()).select_related("pbx")
    return {"examples": EXAMPLES, "countries": countries(), "home": home_country(), "lines": lines}
