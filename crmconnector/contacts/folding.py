"""Texts as they are searched and sorted: in capitals, without accents, the same in the column and in the question.

Both are functions of the database (migration 0003), because an index needs them there. `contacts_fold('Müller-Łoś')`
is `MULLER-LOS`; `contacts_search_text` joins what a search looks in, with a blank in front, so that ` MUL` finds the
beginning of any word.
"""

from django.db.models import Func, TextField


class Fold(Func):
    function = "contacts_fold"
    arity = 1
    output_field = TextField()


class SearchText(Func):
    """Name, company, title, e-mail, external id, tags: in this order."""

    function = "contacts_search_text"
    arity = 6
    output_field = TextField()
