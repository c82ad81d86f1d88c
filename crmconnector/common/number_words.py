"""Words that stand beside telephone numbers in the languages of those who write them down. All are casefolded."""

# Instead of a number: what exchanges, phones and address books say when there is none. Without blanks.
WITHHELD_WORDS = frozenset(
    """
    anonymous unknown restricted private unavailable withheld notavailable nocallerid nonumber numberwithheld blocked
    privatenumber unknownnumber unknowncaller outofarea idwithheld none null nil na nan s asterisk anonym unbekannt
    unterdrückt keine keinerufnummer privat inconnu masqué numéromasqué desconocido privado oculto sconosciuto anonimo
    anonyme onbekend anoniem hemligt skjult ukjent nieznany неизвестно скрытый payphone coinline invalid
    anonymousinvalid
    """.split()  # noqa: SIM905
)

# Beside a number: what kind of number it is. Other letters are refused, so that vanity numbers never match.
LABELS = frozenset(
    """
    tel telefon telephone téléphone tél telefono teléfono telefone telefoon telefonnummer rufnummer phone fon ph t p
    mobil mobile mobiltelefon mobilfunk mobilnummer handy handynummer cell cellphone cellular cel cellulare celular
    gsm móvil movil telemóvel telemovel portable port komórka kom mob mobiel m h w f o c fax telefax telefaks fx
    office büro buero bureau oficina ufficio kantoor kontor biuro work business arbeit geschäft geschäftlich
    dienstlich dienst firma job home privat private privé prive privato casa zuhause zu hause haus house domicile
    thuis dom main zentrale central centrale centralino reception empfang switchboard festnetz fixe fisso fijo fixo
    landline land line vast fast direct direkt direktwahl direto directo diretto ligne number nummer nr no num número
    numero numéro whatsapp wa viber signal telegram sms call rufen sie voice secretary sekretariat assistant hotline
    service support info notfall emergency pager other sonstige andere neu new alt old puh puhelin matkapuhelin sími
    farsími tlf tlfn tfn mobiltlf tlph τηλ κιν τηλέφωνο κινητό тел телефон моб
    мобильный раб дом факс 電話 电话 手机 手機 携帯
    전화 휴대폰 טלפון טל נייד هاتف جوال موبايل sip tlx cep iş ev telefonas mobilus
    telefons telf tfno tlfno mobilephone
    homephone workphone telephon teléfonos kontakt contact zentral büronummer primary secondary haupt hauptnummer
    privathandy diensthandy autotelefon car vodafone telekom assistenz vertretung lager werkstatt praxis sekr
    rezeption recepción recepção standard accueil secrétariat domicilio lavoro oficinas trabajo trabalho recado
    residencial comercial prywatny służbowy domowy pracovní domů mobilní arbejde privattelefon arbete bostad hem
    jobb hjem työ koti otthon munkahely mobilszám служебный домашний рабочий
    """.split()  # noqa: SIM905
)
