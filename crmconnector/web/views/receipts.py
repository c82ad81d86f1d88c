"""What the desk in a browser tells about its cards."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from crmconnector.common.clock import utc_now
from crmconnector.screenpop.receipts import browser_name, keep_receipts, read_desk, read_receipts
from crmconnector.web.people import signed_in
from crmconnector.web.phone_event_door import Pace

MOST_A_MINUTE = 150  # of one person in one web process; a browser says something once a second at most
pace = Pace(most=MOST_A_MINUTE)


@require_POST
def receipts(request: HttpRequest) -> HttpResponse:
    """POST /desk/receipts: `desk`, and one `card` field for each. 204; 400 without a desk's name; 429 for a flood."""
    user = signed_in(request)
    if not pace.allows(str(user.pk)):
        return HttpResponse(status=429)
    desk = read_desk(request.POST.get("desk", ""))
    if not desk:
        return HttpResponse(status=400)
    browser = browser_name(request.headers.get("User-Agent", ""))
    said = read_receipts(request.POST.getlist("card"))
    keep_receipts(user_id=user.pk, desk=desk, browser=browser, receipts=said, now=utc_now())
    return HttpResponse(status=204)
