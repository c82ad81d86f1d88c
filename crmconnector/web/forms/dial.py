"""What comes with a press on a Call button, and with the page that asks before it dials."""

from django import forms
from django.utils.translation import gettext_lazy as _

LONGEST_KEY = 80
LONGEST_NUMBER = 200  # what is longer is not even read; see calls.dial_text for what a number may be
MOST_ACCOUNTS = 32


class DialForm(forms.Form):
    """`key` makes a second press the same command. `shown`: what the page said it would dial, so that it dials just
    that. `sure`: the page that asks was seen; an emergency number needs it."""

    number = forms.CharField(max_length=LONGEST_NUMBER, strip=False)
    key = forms.CharField(max_length=LONGEST_KEY)
    phone = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    account = forms.IntegerField(required=False, min_value=1, max_value=MOST_ACCOUNTS)
    line = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    shown = forms.CharField(required=False, max_length=40)
    sure = forms.BooleanField(required=False)
    next = forms.CharField(required=False, max_length=2000)


class DialQuestion(forms.Form):
    """What an address of the page that asks may name; what it does not understand is left out."""

    number = forms.CharField(required=False, max_length=LONGEST_NUMBER, strip=False,
                             error_messages={"max_length": _("This is no telephone number.")})  # fmt: skip
    phone = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    account = forms.IntegerField(required=False, min_value=1, max_value=MOST_ACCOUNTS)
    line = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    next = forms.CharField(required=False, max_length=2000)


class DisturbForm(forms.Form):
    """The switch of do not disturb at one of the own phones."""

    key = forms.CharField(max_length=LONGEST_KEY)
    phone = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    on = forms.TypedChoiceField(choices=[("1", "on"), ("0", "off")], coerce=lambda value: value == "1")
