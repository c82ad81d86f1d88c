"""What a person does about when cards show: the write and its audit event, in one transaction."""

from django.db import transaction

from crmconnector.audit.services import record_act
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import PopRule, PopTest
from crmconnector.screenpop.rule_services import set_quiet_hours, set_rule
from crmconnector.screenpop.trials import ask_trial
from crmconnector.users.models import User
from crmconnector.web.forms.pop_rules import ExceptionForm, QuietForm, WhenForm


@transaction.atomic
def keep_when(*, actor: User, owner: User | None, form: WhenForm) -> None:
    """The general rule; `owner` None: of the house."""
    when = form.cleaned_data["when"]
    set_rule(user=owner, when=when)
    record_act(actor=actor, action="pop_rule.set", target=owner or actor, details=_scope(owner) | {"when": when})


@transaction.atomic
def keep_exception(*, actor: User, owner: User | None, form: ExceptionForm) -> None:
    rule = set_rule(user=owner, when=form.cleaned_data["when"], **form.target())  # type: ignore[arg-type]
    details = _scope(owner) | {"when": form.cleaned_data["when"], "for": form.cleaned_data["what"]}
    record_act(actor=actor, action="pop_rule.set", target=rule or actor, details=details)


@transaction.atomic
def drop_rule(*, actor: User, rule: PopRule) -> None:
    details = _scope(rule.user) | {"queue": rule.queue_id, "line": rule.line_id, "when": rule.when}
    record_act(actor=actor, action="pop_rule.removed", target=rule, details=details)
    rule.delete()


@transaction.atomic
def keep_quiet_hours(*, actor: User, owner: User, form: QuietForm) -> None:
    row = set_quiet_hours(user=owner, **form.cleaned_data)
    times = {"from": f"{row.starts:%H:%M}", "until": f"{row.ends:%H:%M}", "days": row.days} if row else {}
    record_act(actor=actor, action="quiet_hours.set" if row else "quiet_hours.removed", target=owner, details=times)


def _scope(owner: User | None) -> dict[str, object]:
    return {"of": owner.username if owner else "house"}


@transaction.atomic
def begin_trial(*, actor: User, user: User, number: str) -> PopTest:
    """A test card for `user`. May raise TrialProblem."""
    test = ask_trial(user=user, by=actor, number=number, now=utc_now())
    record_act(actor=actor, action="pop.test_asked", target=user, details={"test": str(test.pk)})
    return test
