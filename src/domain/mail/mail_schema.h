/* mail_schema.h - tables of mailboxes, messages and the outbound queue: migration "0002_mail". */
#pragma once
extern const char mail_schema_1[];
extern const char mail_schema_gone[];    /* what can be brought back, retention: "0011_gone" */
extern const char mail_schema_sieve[];   /* scripts, what they remember: "0003_sieve" */
extern const char mail_schema_forward[]; /* long senders of forwarded mail: "0005_forward" */
extern const char mail_schema_acl[];     /* who else may do what: "0013_acl" */
extern const char mail_schema_metadata[]; /* annotations: "0014_metadata" */
extern const char mail_schema_import[];  /* what imports have brought: "0006_import" */
extern const char mail_schema_transport[]; /* MTA-STS policies, TLS counts */
extern const char mail_schema_dmarc[];   /* what others are told about mail in their name */
extern const char mail_schema_search[];  /* the search index: "0007_search" */
extern const char mail_schema_words[];   /* made anew with dictionaries: "0016_words" */
extern const char mail_schema_sender[];  /* known senders, grey list: "0008_sender" */
extern const char mail_schema_reports[]; /* reports of others: "0009_reports" */
extern const char mail_schema_text[];    /* text of attachments: "0010_text" */
extern const char mail_schema_event[];   /* what waits for a script: "0018_event" */
extern const char mail_schema_over[];    /* what was tried beyond send limits: "0019_over" */
extern const char mail_schema_hold[];    /* accounts that may not send: "0012_hold" */
