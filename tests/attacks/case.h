/* A case: a file of lines that make TPMs, certificates and requests, spoil them, send them, and say what must come back. */
#ifndef BM_ATTACKS_CASE_H
#define BM_ATTACKS_CASE_H

#include "ca.h"
#include "guard.h"
#include "http.h"

#define ATK_TPMS_MAX 8
#define ATK_CAS_MAX 12

typedef struct {
    atk_world *world;
    const char *path;
    const char *name;
    unsigned number;
    atk_tpm *tpms[ATK_TPMS_MAX];
    size_t tpm_count;
    atk_ca cas[ATK_CAS_MAX];
    size_t ca_count;
    bool marked;       /* `attack` was said, or there is no such line: from here on nothing may change */
    unsigned refusals; /* since then */
    const char *skipped; /* why, or NULL */
    bool failed;
    char why[512];
    atk_reply reply;
} atk_case;

typedef enum { ATK_REFUSED, ATK_FAILED, ATK_SKIPPED } atk_outcome;

/* Runs the case of a file and looks whether anything changed; why it failed is printed. */
atk_outcome atk_case_run(atk_world *world, const char *path, unsigned number);

/* The case has failed at this line. */
void atk_case_fail(atk_case *c, const atk_line *line, const char *format, ...) BM_PRINTF(3, 4);

/* The TPM or CA of a name; ends the program when there is none. The victim is a TPM of every case, `discrete` and `virtual` are CAs. */
atk_tpm *atk_case_tpm(atk_case *c, const atk_line *line, const char *name);
const atk_ca *atk_case_ca(atk_case *c, const atk_line *line, const char *name);

/* The verbs that make and spoil things (make.c); false when the line has none of them. */
bool atk_make_verb(atk_case *c, atk_line *line);

/* The verbs that send things (send.c); false when the line has none of them. */
bool atk_send_verb(atk_case *c, atk_line *line);

#endif
