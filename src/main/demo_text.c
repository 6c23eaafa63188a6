#include "main/demo_text.h"
#include <string.h>

const struct demo_chapter demo_chapters[] = {
	{ "N", "Bezirk Nordufer", NULL }, { "S", "Bezirk Südufer", NULL }, { "H", "Bezirk Heidekamm", NULL },
	{ "N1", "Kreis Kranichmoor", "N" }, { "N2", "Kreis Fährwinkel", "N" }, { "S1", "Kreis Lindenhöh", "S" },
	{ "S2", "Kreis Schilfhagen", "S" }, { "H1", "Kreis Erlengrund", "H" }, { "H2", "Kreis Röhrsee", "H" }, { 0 },
};

const struct demo_account demo_people[] = {
	{ "annegret.bruening", "Annegret Brüning", NULL }, { "joerg.kaestner", "Jörg Kästner", NULL },
	{ "friederike.loewe", "Friederike Löwe", NULL }, { "matthias.huebner", "Matthias Hübner", NULL },
	{ "soeren.vossbeck", "Sören Voßbeck", NULL }, { "katharina.muehlenau", "Katharina Mühlenau", NULL },
	{ "guenther.ploetz", "Günther Plötz", "N" }, { "baerbel.stoevesand", "Bärbel Stövesand", "N1" },
	{ "thorben.jaehnig", "Thorben Jähnig", "N1" }, { "ruediger.aschhoff", "Rüdiger Aschhoff", "N2" },
	{ "marlies.koehnke", "Marlies Köhnke", "N2" }, { "juergen.weissdorn", "Jürgen Weißdorn", "S" },
	{ "uebelheim", "Dörte Uebelheim", "S1" }, { "kaethe.moewenthal", "Käthe Möwenthal", "S1" },
	{ "bjoern.tuermer", "Björn Türmer", "S2" }, { "heike.grossmoor", "Heike Großmoor", "S2" },
	{ "volker.saenger", "Volker Sänger", "H" }, { "irmgard.doebereiner", "Irmgard Döbereiner", "H1" },
	{ "lars.fuerchtenich", "Lars Fürchtenich", "H1" }, { "ayse.oezdal", "Ayşe Özdal", "H2" },
	{ "hannelore.buettenrath", "Hannelore Büttenrath", "H2" }, { "jan.kroeger-lueth", "Jan Kröger-Lüth", "N1" },
	{ "sigrid.paehlke", "Sigrid Pählke", "S1" }, { "emil.roehrsdal", "Emil Röhrsdal", "H2" },
	{ "nele.tuemmler", "Nele Tümmler", "S2" }, { 0 },
};

const struct demo_account demo_roles[] = {
	{ "vorstand", "Landesvorstand", NULL }, { "schatzmeister", "Schatzmeisterei", NULL },
	{ "presse", "Pressestelle", NULL }, { "schriftfuehrung", "Schriftführung", NULL },
	{ "info", "Geschäftsstelle", NULL }, { "kreis.kranichmoor", "Vorstand Kreis Kranichmoor", "N1" }, { 0 },
};

const struct demo_term demo_terms[] = {
	{ "vorstand", "guenther.ploetz", -1460, -400 }, { "vorstand", "annegret.bruening", -400, 330 },
	{ "vorstand", "katharina.muehlenau", 330, 1060 }, { "schatzmeister", "irmgard.doebereiner", -1130, -400 },
	{ "schatzmeister", "joerg.kaestner", -400, 330 }, { "presse", "friederike.loewe", -400, 330 },
	{ "presse", "nele.tuemmler", -60, 330 }, { "schriftfuehrung", "matthias.huebner", -400, 330 },
	{ "info", "soeren.vossbeck", -700, 0 }, { "info", "annegret.bruening", -400, 330 },
	{ "kreis.kranichmoor", "baerbel.stoevesand", -200, 530 }, { 0 },
};

const struct demo_alias demo_aliases[] = {
	{ "postmaster", "soeren.vossbeck", 0 }, { "abuse", "soeren.vossbeck", 0 }, { "kontakt", "info", 0 },
	{ "kasse", "schatzmeister", 0 }, { "plakate", "druck@druckerei-am-kanal.example", 0 },
	{ "kreisvorsitzende", "baerbel.stoevesand ruediger.aschhoff uebelheim bjoern.tuermer lars.fuerchtenich ayse.oezdal", 1 },
	{ "ag-seen", "thorben.jaehnig kaethe.moewenthal emil.roehrsdal ag-seen@wasserfreunde.example", 1 }, { 0 },
};

#define GRUSS_A "\n\nHerzliche Grüße\nAnnegret Brüning\n"
#define GRUSS_J "\n\nViele Grüße\nJörg Kästner\nSchatzmeister\n"
#define GRUSS_F "\n\nMit besten Grüßen\nFriederike Löwe\nPressestelle\n"

const struct demo_mail demo_mails[] = {
	{ "sitzung", NULL, "vorstand", "joerg.kaestner friederike.loewe matthias.huebner katharina.muehlenau",
		"Einladung: Vorstandssitzung nächsten Donnerstag, 19 Uhr",
		"Liebe Vorstandsmitglieder,\n\nwir treffen uns am Donnerstag um 19 Uhr im Fährhaus.\n\nTagesordnung:\n"
		" 1. Begrüßung und Protokoll\n 2. Bericht des Schatzmeisters\n 3. Uferwege: Stand der Gespräche\n"
		" 4. Landestag im Frühjahr\n 5. Verschiedenes" GRUSS_A, -9, DEMO_SEEN | DEMO_ANSWERED, NULL },
	{ "sitzung1", "sitzung", "joerg.kaestner", "vorstand", "Re: Einladung: Vorstandssitzung nächsten Donnerstag, 19 Uhr",
		"Liebe Annegret,\n\nich komme gern und bringe die Zahlen bis einschließlich letzten Monat mit." GRUSS_J, -8,
		DEMO_SEEN, NULL },
	{ "sitzung2", "sitzung", "friederike.loewe", "vorstand joerg.kaestner",
		"Re: Einladung: Vorstandssitzung nächsten Donnerstag, 19 Uhr",
		"Ich verspäte mich um zwanzig Minuten, der Zug aus Lindenhöh ist kürzer getaktet als versprochen." GRUSS_F, -8,
		DEMO_SEEN, NULL },
	{ "sitzung3", "sitzung1", "vorstand", "joerg.kaestner", "Re: Einladung: Vorstandssitzung nächsten Donnerstag, 19 Uhr",
		"Wunderbar, danke! Bitte die Übersicht als PDF, dann kann Matthias sie ans Protokoll hängen." GRUSS_A, -7,
		DEMO_FLAGGED, NULL },
	{ "kasse", NULL, "joerg.kaestner", "vorstand matthias.huebner", "Kassenübersicht für die Sitzung",
		"Anbei die Übersicht. Die Beiträge aus Röhrsee fehlen noch, sonst sind wir über dem Plan." GRUSS_J, -5,
		DEMO_SEEN | DEMO_FLAGGED | DEMO_PDF, "Sitzungen" },
	{ "protokoll", NULL, "matthias.huebner", "vorstand joerg.kaestner friederike.loewe katharina.muehlenau",
		"Protokollentwurf der Vorstandssitzung",
		"Liebe alle,\n\nder Entwurf hängt an. Änderungswünsche bitte bis Sonntag, danach gilt er als genehmigt.\n\n"
		"Beste Grüße\nMatthias Hübner\n", -2, DEMO_PDF, NULL },
	{ "protokoll1", "protokoll", "katharina.muehlenau", "matthias.huebner vorstand",
		"Re: Protokollentwurf der Vorstandssitzung",
		"Zu Punkt 3: Es waren 14 Kilometer Uferweg, nicht 40. Sonst einverstanden.\n\nKatharina Mühlenau\n", -1, 0, NULL },
	{ "presse", NULL, "redaktion@tagblatt.example", "presse", "Anfrage: Stellungnahme zum Uferweg-Streit",
		"Sehr geehrte Damen und Herren,\n\nfür die Wochenendausgabe bitten wir um eine kurze Stellungnahme zum gesperrten"
		" Uferweg bei Schilfhagen. Redaktionsschluss ist übermorgen, 16 Uhr.\n\nMit freundlichen Grüßen\n"
		"Redaktion Tagblatt\n", -4, DEMO_SEEN | DEMO_ANSWERED, NULL },
	{ "presse1", "presse", "presse", "redaktion@tagblatt.example friederike.loewe",
		"Re: Anfrage: Stellungnahme zum Uferweg-Streit",
		"Sehr geehrte Redaktion,\n\nder See gehört allen. Wir schlagen einen runden Tisch mit Anliegern, Gemeinde und"
		" Naturschutz vor; bis dahin soll der Weg tagsüber offen bleiben." GRUSS_F, -3, DEMO_SEEN, NULL },
	{ "presse2", "presse1", "redaktion@tagblatt.example", "presse", "Re: Anfrage: Stellungnahme zum Uferweg-Streit",
		"Vielen Dank für die schnelle Antwort! Dürfen wir Frau Brüning dazu mit Bild bringen?\n\nRedaktion Tagblatt\n", -3,
		DEMO_FLAGGED, NULL },
	{ "logo", NULL, "nele.tuemmler", "presse friederike.loewe", "Neues Logo: Wellen unter der Sonne",
		"Hallo Friederike,\n\nso könnte es aussehen. Auf Plakaten größer, auf Briefen kleiner.\n\nLiebe Grüße\n"
		"Nele Tümmler\n", -12, DEMO_SEEN | DEMO_PNG, NULL },
	{ "logo1", "logo", "friederike.loewe", "nele.tuemmler", "Re: Neues Logo: Wellen unter der Sonne",
		"Schön! Das Gelb darf kräftiger sein, sonst verschwindet es im Druck." GRUSS_F, -11, DEMO_SEEN, NULL },
	{ "beitrag", NULL, "marlies.koehnke", "schatzmeister", "Frage zum Beitrag nach Umzug",
		"Guten Tag,\n\nich bin von Kranichmoor nach Fährwinkel gezogen. Ändert sich mein Beitrag, und wer führt mich"
		" jetzt?\n\nFreundliche Grüße\nMarlies Köhnke\n", -20, DEMO_SEEN | DEMO_ANSWERED, NULL },
	{ "beitrag1", "beitrag", "schatzmeister", "marlies.koehnke", "Re: Frage zum Beitrag nach Umzug",
		"Liebe Frau Köhnke,\n\nder Beitrag bleibt gleich, geführt werden Sie ab dem Ersten in Fährwinkel." GRUSS_J, -19,
		DEMO_SEEN, NULL },
	{ "beitrag2", "beitrag1", "marlies.koehnke", "schatzmeister", "Re: Frage zum Beitrag nach Umzug",
		"Herzlichen Dank für die schnelle Auskunft!\n\nMarlies Köhnke\n", -18, DEMO_SEEN, NULL },
	{ "spende", NULL, "kanzlei@moorhof.example", "schatzmeister", "Spendenquittung für das vergangene Jahr",
		"Sehr geehrter Herr Kästner,\n\nbitte senden Sie uns die Zuwendungsbestätigung noch einmal, die erste ist auf dem"
		" Postweg verloren gegangen.\n\nMit freundlichem Gruß\nKanzlei Moorhof\n", -6, DEMO_FLAGGED, NULL },
	{ "plakat", NULL, "druck@druckerei-am-kanal.example", "presse", "Ihre Plakate: Druckfreigabe nötig",
		"Guten Tag Frau Löwe,\n\ndie Druckdatei liegt bei. Bitte prüfen Sie Ränder und Umlaute und geben Sie sie bis"
		" morgen frei.\n\nDruckerei am Kanal\n", -1, DEMO_PDF, NULL },
	{ "seen", NULL, "thorben.jaehnig", "ag-seen", "AG Seen: Messfahrt am Samstag",
		"Moin,\n\nwir treffen uns um 8 Uhr am Bootshaus Kranichmoor. Bitte Schwimmwesten und Thermoskannen mitbringen,"
		" die Messröhren habe ich.\n\nThorben\n", -10, DEMO_SEEN | DEMO_ANSWERED, NULL },
	{ "seen1", "seen", "kaethe.moewenthal", "thorben.jaehnig", "Re: AG Seen: Messfahrt am Samstag",
		"Bin dabei. Ich bringe Streuselkuchen mit, für alle genug.\n\nKäthe\n", -10, DEMO_SEEN, NULL },
	{ "seen2", "seen", "emil.roehrsdal", "thorben.jaehnig kaethe.moewenthal", "Re: AG Seen: Messfahrt am Samstag",
		"Ich kann leider nicht, die Heuernte geht vor. Messwerte gern an mich, ich trage sie ein.\n\nEmil Röhrsdal\n", -9,
		DEMO_SEEN, NULL },
	{ "seen3", "seen1", "thorben.jaehnig", "ag-seen", "Re: AG Seen: Messfahrt am Samstag",
		"Sichttiefe 3,20 m - so klar war der See seit Jahren nicht. Bild anbei, bei Kälte gezeichnet.\n\nThorben\n", -6,
		DEMO_PNG, NULL },
	{ "landestag", NULL, "vorstand", "kreisvorsitzende", "Landestag im Frühjahr: Delegiertenschlüssel",
		"Liebe Kreisvorsitzende,\n\nder Schlüssel ist derselbe wie im Vorjahr: je angefangene zwölf Mitglieder eine"
		" Delegierte oder ein Delegierter. Meldet bitte bis Monatsende." GRUSS_A, -14, DEMO_SEEN | DEMO_PDF, NULL },
	{ "landestag1", "landestag", "baerbel.stoevesand", "vorstand", "Re: Landestag im Frühjahr: Delegiertenschlüssel",
		"Kranichmoor meldet vier: Jähnig, Kröger-Lüth, Stövesand und als Ersatz Plötz.\n\nBärbel Stövesand\n", -13,
		DEMO_SEEN, "Landestag" },
	{ "landestag2", "landestag", "ayse.oezdal", "vorstand", "Re: Landestag im Frühjahr: Delegiertenschlüssel",
		"Röhrsee meldet drei; die Namen folgen nach unserer Versammlung am Dienstag.\n\nAyşe Özdal\n", -12, DEMO_SEEN,
		"Landestag" },
	{ "landestag3", "landestag", "lars.fuerchtenich", "vorstand", "Re: Landestag im Frühjahr: Delegiertenschlüssel",
		"Erlengrund hat gestern gewählt: zwei Delegierte, einstimmig. Liste kommt per Post.\n\nLars Fürchtenich\n", -11, 0,
		"Landestag" },
	{ "saal", NULL, "buchung@faehrhaus.example", "info", "Ihre Buchung: Großer Saal, 120 Plätze",
		"Sehr geehrte Frau Brüning,\n\nder große Saal ist für den Landestag vorgemerkt. Die Anzahlung beträgt 180 €.\n\n"
		"Ihr Fährhaus\n", -15, DEMO_SEEN | DEMO_PDF, NULL },
	{ "saal1", "saal", "info", "buchung@faehrhaus.example soeren.vossbeck", "Re: Ihre Buchung: Großer Saal, 120 Plätze",
		"Vielen Dank, die Anzahlung ist überwiesen. Bitte noch eine Übertragung für die hinteren Plätze." GRUSS_A, -14,
		DEMO_SEEN, NULL },
	{ "mitglied", NULL, "neu@buergerpost.example", "info", "Ich möchte Mitglied werden",
		"Hallo,\n\nich wohne in Schilfhagen und würde gern mitmachen. Was muss ich ausfüllen?\n\nFreundliche Grüße\n"
		"Ole Würzbach\n", -2, 0, NULL },
	{ "mitglied1", "mitglied", "info", "heike.grossmoor", "WG: Ich möchte Mitglied werden",
		"Liebe Heike,\n\nmagst du dich melden? Schilfhagen ist euer Kreis." GRUSS_A, -1, DEMO_FLAGGED, NULL },
	{ "schluessel", NULL, "soeren.vossbeck", "annegret.bruening", "Schlüsselübergabe und Öffnungszeiten",
		"Liebe Annegret,\n\nich höre nächste Woche in der Geschäftsstelle auf. Die Schlüssel liegen im Tresor, die Kennwörter"
		" habe ich nirgends aufgeschrieben.\n\nSören Voßbeck\n", -3, DEMO_FLAGGED, NULL },
	{ "schluessel1", "schluessel", "annegret.bruening", "soeren.vossbeck", "Re: Schlüsselübergabe und Öffnungszeiten",
		"Danke für alles! Wir verabschieden dich würdig, mit Kuchen." GRUSS_A, -2, 0, NULL },
	{ "geburtstag", NULL, "hannelore.buettenrath", "guenther.ploetz", "Alles Gute zum Siebzigsten!",
		"Lieber Günther,\n\nder ganze Kreis Röhrsee gratuliert. Der Präsentkorb steht vor deiner Tür, falls die Füchse ihn"
		" nicht haben.\n\nHannelore\n", -4, DEMO_SEEN | DEMO_PNG, NULL },
	{ "fahrt", NULL, "volker.saenger", "juergen.weissdorn guenther.ploetz", "Mitfahrgelegenheit zum Landestag?",
		"Ich fahre ab Heidekamm über Südufer, drei Plätze frei. Abfahrt 7:30 Uhr, pünktlich!\n\nVolker Sänger\n", -5, 0, NULL },
	{ "fahrt1", "fahrt", "juergen.weissdorn", "volker.saenger", "Re: Mitfahrgelegenheit zum Landestag?",
		"Einen Platz bitte für mich. Ich warte an der Brücke.\n\nJürgen Weißdorn\n", -4, DEMO_SEEN, NULL },
	{ "spam", NULL, "gewinn@gluecksfee.example", "annegret.bruening", "SIE HABEN GEWONNEN!!! 1.000.000 €",
		"Überweisen Sie nur die Bearbeitungsgebühr, und das Glück gehört Ihnen.\n", -6, 0, "\\Junk" },
	{ 0 },
};

const struct demo_series demo_series[] = {
	{ "presseschau", "presse", "vorstand", "Presseschau %s",
		"Guten Morgen,\n\ndie Presseschau für %s: zwei Berichte über den Uferweg, ein freundlicher Leserbrief, kein Ärger."
		GRUSS_F, -40, 7, DEMO_SEEN, "Presseschau", "KW 41|KW 42|KW 43|KW 44|KW 45|KW 46" },
	{ "abrechnung", "schatzmeister", "vorstand", "Monatsabschluss %s",
		"Der Abschluss für %s hängt an. Abweichungen sind gelb markiert und erklärt." GRUSS_J, -190, 30,
		DEMO_SEEN | DEMO_PDF, "Finanzen/Monatsabschlüsse", "April|Mai|Juni|Juli|August|September" },
	{ "einladung", "info", "kreisvorsitzende", "Rückmeldung aus %s erbeten",
		"Liebe Kreisvorsitzende,\n\nfür den Kalender fehlt uns noch der Termin eurer Mitgliederversammlung in %s."
		GRUSS_A, -30, 2, DEMO_SEEN, NULL, "Kranichmoor|Fährwinkel|Lindenhöh|Schilfhagen|Erlengrund|Röhrsee" },
	{ 0 },
};

const char *demo_name(const char *local)
{
	const struct demo_account *const lists[] = { demo_people, demo_roles };

	for (size_t k = 0; k < 2; k++)
		for (const struct demo_account *p = lists[k]; p->local; p++)
			if (strcmp(p->local, local) == 0)
				return p->name;
	return NULL;
}
