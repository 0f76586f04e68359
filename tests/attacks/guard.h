/*
 * What must not change, whatever is attacked: the victim gets its own name and the same certificate again; nobody has the identity that was
 * attacked while it was free; and, where an operator is at hand, his record of devices and certificates and his server's processes.
 */
#ifndef BM_ATTACKS_GUARD_H
#define BM_ATTACKS_GUARD_H

#include "ca.h"
#include "http.h"

/* The server under attack, and what its operator gave us. */
typedef struct {
    atk_server server;
    atk_server other; /* a second CA, which trusts the same vendor; url NULL when there is none */
    const char *operate; /* a program that does what an operator does (README); NULL when there is none */
    const char *folder;  /* where the vendors' CAs are kept, and CRLs go */
    char tag[24];        /* of this run: part of every identity */
    atk_ca discrete;
    atk_ca virtual_vendor;
    atk_tpm victim; /* enrolled as victim-TAG */
    atk_tpm probe;  /* a genuine TPM that has no name */
    bm_buf record;  /* as the operator told it last */
    bool known;     /* the record is of now */
} atk_world;

/* Enrolls the victim; ends the program when the server does not take it, since then no refusal would mean anything. */
void atk_guard_begin(atk_world *world);
void atk_guard_end(atk_world *world);

/* Remembers how things are. */
void atk_guard_before(atk_world *world);

/* Is everything as it was, and `free_identity` free? False with the reason in `why`. */
bool atk_guard_after(atk_world *world, const char *free_identity, char *why, size_t size);

/* A TPM of the vendor with all that its request needs. `kind` is its IK's; `identity` may have escapes. */
void atk_guard_tpm(const atk_ca *vendor, const char *name, const char *identity, const char *template, const char *ek, const char *kind,
                   atk_tpm *tpm);

/* A step of the exchange: sends, and takes what came back into the TPM. The code is in the reply. */
void atk_guard_challenge(atk_server *server, atk_tpm *tpm, atk_reply *reply);
void atk_guard_certificate(atk_server *server, atk_tpm *tpm, atk_reply *reply);

/* Runs the operator's program: `argument` may be NULL. Appends what it prints. False when it fails. */
bool atk_guard_operate(const atk_world *world, const char *what, const char *argument, bm_buf *out);

#endif
