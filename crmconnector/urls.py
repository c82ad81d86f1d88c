"""Every address of the product. Paths without a slash at the end; no GET changes anything."""

from django.urls import path

from crmconnector.web.views import calls, commands, contacts, desk, health, pbx, phones, session, stream, system

urlpatterns = [
    path("", desk.home, name="home"),
    path("sign-in", session.sign_in, name="sign-in"),
    path("sign-out", session.sign_out, name="sign-out"),
    path("theme", session.theme, name="theme"),
    path("desk", desk.desk, name="desk"),
    path("desk/status", desk.desk_status_fragment, name="desk-status"),
    path("desk/cards", desk.desk_cards_fragment, name="desk-cards"),
    path("desk/stream", stream.pop_stream, name="pop-stream"),
    path("desk/pops/<int:pop_id>/answer", commands.answer, name="pop-answer"),
    path("calls", calls.calls, name="calls"),
    path("calls/<int:call_id>", calls.call, name="call"),
    path("contacts", contacts.contacts, name="contacts"),
    path("contacts/new", contacts.contact_new, name="contact-new"),
    path("contacts/<int:contact_id>", contacts.contact, name="contact"),
    path("contacts/<int:contact_id>/edit", contacts.contact_edit, name="contact-edit"),
    path("phones", phones.phones, name="phones"),
    path("phones/new", phones.phone_new, name="phone-new"),
    path("phones/<int:phone_id>", phones.phone, name="phone"),
    path("phones/<int:phone_id>/edit", phones.phone_edit, name="phone-edit"),
    path("phones/<int:phone_id>/assign", phones.phone_assign, name="phone-assign"),
    path("phones/<int:phone_id>/release", phones.phone_release, name="phone-release"),
    path("pbxes", pbx.pbxes, name="pbxes"),
    path("pbxes/new", pbx.pbx_new, name="pbx-new"),
    path("pbxes/<int:pbx_id>", pbx.pbx, name="pbx"),
    path("pbxes/<int:pbx_id>/edit", pbx.pbx_edit, name="pbx-edit"),
    path("pbxes/<int:pbx_id>/trunks", pbx.trunk_add, name="trunk-add"),
    path("pbxes/<int:pbx_id>/trunks/<int:trunk_id>", pbx.trunk_decide, name="trunk-decide"),
    path("pbxes/<int:pbx_id>/lines", pbx.line_add, name="line-add"),
    path("pbxes/<int:pbx_id>/lines/<int:line_id>/remove", pbx.line_remove, name="line-remove"),
    path("pbxes/<int:pbx_id>/queues", pbx.queue_add, name="queue-add"),
    path("pbxes/<int:pbx_id>/queues/<int:queue_id>/remove", pbx.queue_remove, name="queue-remove"),
    path("health", system.health, name="health"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler500 = "crmconnector.web.views.system.server_error"
