"""The columns of a file of contacts: what the export writes and what the import knows. Plain Python.

The header names are English and never translated, so that a file from one house reads in another. `synonyms` are what
other programs and other languages (German, French, Spanish, Italian, Dutch, Polish) call the same, folded by
`fold_header`. Numbers come in pairs of columns, `Phone 1 label` and `Phone 1`, as many as needed.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST_PHONES: Final = 12  # pairs of columns
TAG_SEPARATOR: Final = "; "
PHONE: Final = "phone"  # field of a column with a number
PHONE_LABEL: Final = "phone_label"  # field of the column with its label

_numbered = re.compile(r"\A(.*?)\s*([0-9]{1,2})\s*(.*)\Z")


@dataclass(frozen=True, slots=True)
class Column:
    """`field` is that of Contact; owner by user name, team by its name, kind as `person` or `company`."""

    header: str
    field: str
    synonyms: frozenset[str]


def fold_header(text: str) -> str:
    """`E-Mail-Adresse ` and `e mail adresse` are the same header: lower case, no accents, single blanks."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ł", "l").replace("Ł", "l").casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w]+|_", " ", bare).split())


def _column(header: str, field: str, *synonyms: str) -> Column:
    return Column(header, field, frozenset(fold_header(one) for one in (header, *synonyms)))


COLUMNS: Final[Sequence[Column]] = (
    _column(
        "Name", "name", "full name", "display name", "contact", "contact name", "vollständiger Name", "Kontakt",
        "Kontaktname", "Anzeigename", "nom", "nom complet", "nom et prénom", "contact nom", "nombre",
        "nombre completo", "contacto", "nome", "nome completo", "nominativo", "contatto", "naam", "volledige naam",
        "contactpersoon", "nazwa", "imię i nazwisko", "pełna nazwa", "kontakt", "Vor- und Nachname", "FN",
    ),
    _column(
        "Kind", "kind", "type", "contact type", "record type", "Art", "Typ", "Kontaktart", "genre", "type de contact",
        "tipo", "tipo de contacto", "tipo di contatto", "soort", "type contact", "rodzaj", "typ kontaktu",
    ),
    _column(
        "Company", "company", "company name", "organisation", "organization", "organization name", "account",
        "account name", "employer", "business", "Firma", "Firmenname", "Unternehmen", "Gesellschaft", "société",
        "entreprise", "raison sociale", "empresa", "compañía", "razón social", "azienda", "società", "ditta",
        "ragione sociale", "bedrijf", "bedrijfsnaam", "organisatie", "firma", "przedsiębiorstwo", "spółka", "ORG",
    ),
    _column(
        "Title", "title", "job title", "role", "position", "function", "Funktion", "Rolle", "Stelle",
        "Berufsbezeichnung", "fonction", "poste", "rôle", "titre", "cargo", "puesto", "función", "titolo", "ruolo",
        "mansione", "qualifica", "functie", "functietitel", "rol", "stanowisko", "funkcja", "rola",
    ),
    _column(
        "E-mail", "email", "mail", "e-mail address", "email address", "email 1", "E-Mail-Adresse", "Mailadresse",
        "adresse e-mail", "courriel", "adresse mail", "adresse électronique", "correo", "correo electrónico",
        "dirección de correo", "posta elettronica", "indirizzo e-mail", "indirizzo email", "e-mailadres", "mailadres",
        "adres e-mail", "poczta", "primary email", "work email", "e-mail 1 value",
    ),
    _column(
        "Owner", "owner", "contact owner", "account owner", "record owner", "assigned to", "responsible",
        "Zuständig", "Zuständiger", "Betreuer", "Inhaber", "Besitzer", "verantwortlich", "propriétaire", "responsable",
        "attribué à", "propietario", "asignado a", "proprietario", "responsabile", "assegnato a", "eigenaar",
        "verantwoordelijke", "toegewezen aan", "właściciel", "opiekun", "przypisany do",
    ),
    _column(
        "Team", "team", "visible to", "group", "department", "Abteilung", "Gruppe", "équipe", "groupe", "service",
        "equipo", "grupo", "departamento", "squadra", "gruppo", "reparto", "afdeling", "groep", "zespół", "grupa",
        "dział",
    ),
    _column(
        "Tags", "tags", "tag", "labels", "categories", "category", "keywords", "Schlagwörter", "Schlagworte",
        "Kategorien", "Kategorie", "Stichwörter", "étiquettes", "étiquette", "catégories", "catégorie", "mots clés",
        "etiquetas", "etiqueta", "categorías", "categoría", "etichette", "etichetta", "categorie", "categoria",
        "trefwoorden", "etykiety", "kategorie", "tagi", "group membership",
    ),
    _column(
        "External id", "external_id", "id", "external key", "crm id", "record id", "contact id", "customer id",
        "customer number", "customer no", "account number", "Kundennummer", "Kunden-Nr", "Kundennr", "Kontakt-ID",
        "Externe ID", "numéro client", "n° client", "identifiant", "identifiant externe", "número de cliente",
        "id externo", "codice cliente", "id esterno", "numero cliente", "klantnummer", "klant nr", "externe id",
        "numer klienta", "id zewnętrzne", "identyfikator",
    ),
    _column(
        "External link", "external_link", "link", "url", "crm link", "crm url", "record url", "web link", "Verweis",
        "CRM-Link", "lien", "lien externe", "lien crm", "enlace", "enlace externo", "collegamento", "link esterno",
        "koppeling", "externe link", "łącze", "odnośnik", "link do crm",
    ),
    _column(
        "Notes", "notes", "note", "comment", "comments", "remarks", "description", "Notiz", "Notizen", "Bemerkung",
        "Bemerkungen", "Anmerkung", "Anmerkungen", "Kommentar", "remarque", "remarques", "commentaire", "commentaires",
        "notas", "nota", "observaciones", "comentarios", "annotazioni", "commenti", "osservazioni", "opmerking",
        "opmerkingen", "notities", "notitie", "uwagi", "notatki", "notatka", "komentarz",
    ),
)  # fmt: skip

# What other programs call a number, and the label that it then gets ("" where the word says nothing more).
_PHONE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "": (
        "phone", "phone number", "telephone", "telephone number", "tel", "number", "Telefon", "Telefonnummer",
        "Rufnummer", "Nummer", "téléphone", "numéro", "numéro de téléphone", "teléfono", "número", "número de teléfono",
        "telefono", "numero", "numero di telefono", "telefoon", "telefoonnummer", "nummer", "telefon", "numer",
        "numer telefonu", "primary phone", "main phone", "phone value", "TEL",
    ),
    "Mobile": (
        "mobile", "mobile phone", "mobile number", "cell", "cell phone", "cellphone", "gsm", "Mobil", "Mobiltelefon",
        "Handy", "Handynummer", "Mobilnummer", "portable", "téléphone portable", "tél portable", "téléphone mobile",
        "móvil", "teléfono móvil", "celular", "cellulare", "telefono cellulare", "numero di cellulare", "mobiel",
        "mobiele telefoon", "mobiel nummer", "komórka", "telefon komórkowy", "komórkowy", "telefono movil", "tel mobil",
    ),
    "Work": (
        "work", "work phone", "business phone", "office", "office phone", "direct", "direct phone", "direct line",
        "Telefon geschäftlich", "geschäftlich", "Büro", "Telefon Büro", "Durchwahl", "dienstlich", "bureau",
        "téléphone bureau", "téléphone professionnel", "ligne directe", "trabajo", "teléfono del trabajo", "oficina",
        "teléfono oficina", "ufficio", "telefono ufficio", "lavoro", "werk", "telefoon werk", "kantoor", "zakelijk",
        "telefoon zakelijk", "praca", "telefon służbowy", "służbowy", "biuro",
    ),
    "Home": (
        "home", "home phone", "private phone", "Telefon privat", "privat", "domicile", "téléphone domicile",
        "téléphone personnel", "casa", "teléfono casa", "telefono casa", "abitazione", "thuis", "telefoon thuis",
        "privé", "dom", "telefon domowy", "domowy", "prywatny", "telefon prywatny",
    ),
    "Other": (
        "other phone", "alternative phone", "alternate phone", "second phone", "weiteres Telefon", "autre téléphone",
        "otro teléfono", "altro telefono", "andere telefoon", "inny telefon",
    ),
}  # fmt: skip
PHONE_HEADERS: Final[dict[str, str]] = {
    fold_header(word): label for label, words in _PHONE_WORDS.items() for word in words
}
_LABEL_WORDS = frozenset(("label", "type", "kind", "bezeichnung", "art", "typ", "libelle", "etiqueta", "etichetta"))
_BY_SYNONYM: Final[dict[str, str]] = {word: column.field for column in COLUMNS for word in column.synonyms}


def export_header(*, phones: int) -> list[str]:
    """The first row of an export whose contacts have at most so many numbers."""
    pairs = [header for place in range(1, phones + 1) for header in (f"Phone {place} label", f"Phone {place}")]
    return [column.header for column in COLUMNS] + pairs


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column of a file seems to hold. `place` joins a number with its label; `label` is what a number gets."""

    field: str
    place: int = 0
    label: str = ""


def guess_column(header: str) -> Guess | None:
    """None when nobody can tell. `Phone 2 label` -> the label of number 2; `Mobil` -> a number labelled Mobile."""
    text = fold_header(header)
    if text in _BY_SYNONYM:
        return Guess(_BY_SYNONYM[text])
    if text in PHONE_HEADERS:
        return Guess(PHONE, label=PHONE_HEADERS[text])
    return _numbered_phone(text)


def _numbered_phone(text: str) -> Guess | None:
    """`phone 1 label`, `telefon 2`, `phone 1 value`, `e mail 1` (no number)."""
    found = _numbered.match(text)
    if not found:
        return None
    before, place, after = found[1], int(found[2]), found[3]
    if before not in PHONE_HEADERS:
        return None
    if after in _LABEL_WORDS:
        return Guess(PHONE_LABEL, place)
    return Guess(PHONE, place, PHONE_HEADERS[before]) if after in ("", "value", "number") else None
