"""Filters that say the sentences of deciding code in the reader's language."""

from django import template
from django.utils.translation import gettext

from crmconnector.common.sentences import said_in

register = template.Library()


@register.filter
def in_language(sentence: str) -> str:
    """A sentence that was made where there is no Django, translated."""
    return said_in(sentence, gettext)
