"""What a person does on a page: the service's write and its audit event, in one transaction. No secret is recorded."""

from datetime import datetime

from django.db import models, transaction

from crmconnector.audit.services import record_act
from crmconnector.pbx.models import Line, Pbx, Queue, Trunk
from crmconnector.pbx.services import add_line, add_queue, add_trunk, decide_trunk, save_pbx, set_line_country
from crmconnector.users.models import Team, User
from crmconnector.users.services import add_team, save_person, set_password
from crmconnector.web.forms.pbx import PbxForm
from crmconnector.web.forms.people import PersonForm
from crmconnector.web.forms.phones import AccountForms, PhoneForm
from crmconnector.web.phone_acts import set_phone_rights
from phones.models import Assignment, Phone
from phones.seats import release_phone
from phones.services import assign_phone, save_phone


@transaction.atomic
def keep_phone(*, actor: User, form: PhoneForm, accounts: AccountForms) -> Phone:
    made = form.instance.pk is None
    phone = save_phone(phone=form.save(commit=False), passcode_entered=form.passcode_entered())
    accounts.instance = phone
    accounts.number_positions()
    accounts.save()
    details = {"changed": form.changed_data, "endpoints": [row.endpoint for row in phone.accounts.all()]}
    record_act(actor=actor, action="phone.added" if made else "phone.changed", target=phone, details=details)
    return phone


@transaction.atomic
def give_phone(*, actor: User, phone: Phone, user: User, from_at: datetime, until_at: datetime | None) -> Assignment:
    """May raise PhoneProblem."""
    assignment = assign_phone(phone=phone, user_id=user.pk, from_at=from_at, until_at=until_at)
    until = until_at.isoformat() if until_at else None
    details = {"user": user.username, "from": from_at.isoformat(), "until": until}
    record_act(actor=actor, action="phone.assigned", target=phone, details=details)
    return assignment


@transaction.atomic
def take_phone_back(*, actor: User, phone: Phone, at: datetime) -> list[Assignment]:
    ended = release_phone(phone=phone, at=at)
    for assignment in ended:
        record_act(actor=actor, action="phone.released", target=phone, details={"user_id": assignment.user_id})
    return ended


@transaction.atomic
def keep_pbx(*, actor: User, form: PbxForm) -> Pbx:
    made = form.instance.pk is None
    pbx = save_pbx(pbx=form.save(commit=False))
    details = {"changed": form.changed_data}
    record_act(actor=actor, action="pbx.added" if made else "pbx.changed", target=pbx, details=details)
    return pbx


@transaction.atomic
def settle_trunk(*, actor: User, trunk: Trunk, is_trunk: bool) -> Trunk:
    decide_trunk(trunk=trunk, is_trunk=is_trunk)
    record_act(actor=actor, action="trunk.confirmed" if is_trunk else "trunk.denied", target=trunk)
    return trunk


@transaction.atomic
def name_trunk(*, actor: User, pbx: Pbx, endpoint: str) -> Trunk:
    trunk = add_trunk(pbx=pbx, endpoint=endpoint)
    record_act(actor=actor, action="trunk.added", target=trunk)
    return trunk


@transaction.atomic
def name_line(*, actor: User, pbx: Pbx, did: str, label: str, country: str = "") -> Line:
    """May raise PbxProblem."""
    line = add_line(pbx=pbx, did=did, label=label, country=country)
    record_act(actor=actor, action="line.added", target=line, details={"did": did, "country": country})
    return line


@transaction.atomic
def change_line_country(*, actor: User, line: Line, country: str) -> Line:
    set_line_country(line=line, country=country)
    record_act(actor=actor, action="line.country_changed", target=line, details={"country": country})
    return line


@transaction.atomic
def name_queue(*, actor: User, pbx: Pbx, name: str, label: str) -> Queue:
    queue = add_queue(pbx=pbx, name=name, label=label)
    record_act(actor=actor, action="queue.named", target=queue, details={"name": name})
    return queue


@transaction.atomic
def remove(*, actor: User, row: models.Model, action: str) -> None:
    """Take a row of settings out; the audit event keeps its name."""
    record_act(actor=actor, action=action, target=row)
    row.delete()


@transaction.atomic
def keep_person(*, actor: User, form: PersonForm, password: str = "", session: str = "") -> User:
    """May raise UserProblem. A new person gets the password; an old one keeps the own."""
    made = form.instance.pk is None
    person = form.save(commit=False)
    if made:
        person.set_password(password)
    person = save_person(actor=actor, user=person, teams=form.cleaned_data["teams"], keep_session=session)
    rights = set_phone_rights(actor=actor, person=person, wanted=form.cleaned_data["phone_rights"])
    changed = [field for field in form.changed_data if field != "phone_rights"]  # boxes that cannot be ticked
    details = {"changed": changed, "role": person.role, "active": person.is_active, **rights}
    record_act(actor=actor, action="user.added" if made else "user.changed", target=person, details=details)
    return person


@transaction.atomic
def give_password(*, actor: User, user: User, password: str) -> None:
    """By its owner or by an administrator; who it was is what the two names of the event tell."""
    set_password(user=user, password=password)
    action = "user.password_changed" if actor.pk == user.pk else "user.password_set"
    record_act(actor=actor, action=action, target=user)


@transaction.atomic
def name_team(*, actor: User, name: str) -> Team:
    """May raise UserProblem."""
    team = add_team(name=name)
    record_act(actor=actor, action="team.added", target=team)
    return team
