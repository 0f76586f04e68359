/*
 * The verdict: every check of getChallenge and getCertificate, cheapest first, as pure functions over bytes, the profile, the anchors, the
 * time, and what the ledger knows. Nothing is asked of the outside: the server looks things up in between.
 *
 *   request --judge--> subject --(ledger)--> lookup --decide--> identity --(keeper)--> ticket --> credential
 */
#ifndef BM_PROTOCOL_VERDICT_H
#define BM_PROTOCOL_VERDICT_H

#include "protocol/request.h"
#include "protocol/ticket.h"
#include "tpm/template.h"
#include "x509/anchors.h"
#include "x509/csr.h"
#include "x509/profile.h"

/* What a request turned out to be about. Views are inside the request, which must outlive this. Owns the two keys. */
typedef struct {
    bm_csr csr;
    bm_tpm_public ik;
    bm_tpm_name ik_name;
    bm_tpm_public ek;
    const bm_ek_template *ek_template;
    bm_pkey *ek_key;                         /* made by the full judgement only */
    uint8_t ek_sha256[BM_SHA256_SIZE];       /* of its SubjectPublicKeyInfo */
    char claimed[BM_IDENTITY_MAX + 1];       /* the identity that the CSR asks for, or the EK's where the profile says so; "" for none */
    bool certified;                          /* the EK certificate chained to an anchor: `anchor` says to which */
    bm_anchor_match anchor;
    bm_ticket_fields fields;                 /* the hashes; key id, expiry and nonce still zero */
} bm_subject;

void bm_verdict_subject_fini(bm_subject *subject);

/*
 * What a process that judges does before it shuts itself in: a request is read, a chain with an intermediate verified, a credential made for each
 * kind of EK, so that whatever the libraries load late (files of the system among it: the time zone, OpenSSL's configuration) has been loaded.
 * BM_E_INTERNAL: this machine cannot judge; BM_E_NO_MEMORY.
 */
BM_RESULT bm_verdict_warm_up(void);

/* How much to check: all of it (getChallenge), or what does not rest on the ticket (getCertificate, after the ticket was found good: the
   CSR's signature and the keys' mathematics are bound by it; everything that a configuration, an anchor or a date decides is looked at again). */
typedef enum { BM_JUDGE_ALL, BM_JUDGE_AGAIN } bm_judge_depth;

/*
 * Parses without judging: sizes, strict parsing of CSR, IK and EK, their hashes and Names. This is what getCertificate does before the
 * ticket is checked. `subject` must be zero; end it with bm_verdict_subject_fini on every path. BM_E_CSR_MALFORMED, BM_E_CSR_ALGORITHM,
 * BM_E_IK_PUBLIC_MALFORMED, BM_E_EK_PUBLIC_MALFORMED.
 */
BM_RESULT bm_verdict_parse(const bm_request *request, bm_subject *subject);

/*
 * Judges a parsed request, cheapest first: CSR key is the IK's key; IK attributes, algorithm and size; EK template; EK certificate parses,
 * is the EK's, usage, validity; weak keys; [ALL: CSR signature, points and moduli]; chain to an anchor. An EK certificate that was sent
 * is always checked to be the EK's; whether it must chain is the profile's rule. The claimed identity is taken from the CSR.
 * Each refusal has its own code (see codes.def: csr-*, ik-*, ek-*, ekc-*, identity-missing, identity-invalid). BM_E_NO_MEMORY instead of any of
 * them, when memory ran out on the way.
 */
BM_RESULT bm_verdict_judge(const bm_request *request, const bm_profile *profile, bm_anchors *anchors, int64_t now,
                           bm_judge_depth depth, bm_subject *subject);

/* Does bm_verdict_judge with BM_JUDGE_AGAIN do without public-key operations: no chain is wanted, or this server remembers having verified it? */
bool bm_verdict_is_quick(const bm_profile *profile, const bm_anchors *anchors, int64_t now, const bm_subject *subject);

/* What the ledger knows, in the words of the verdict (see store/store.h for the same in the database). */
typedef struct {
    bool known;        /* there is a device with this EK */
    bool in_inventory;
    bool retired;
    char identity[BM_IDENTITY_MAX + 1]; /* of that device; "" for none yet */
    bool claim_taken;  /* another EK has, or had, the claimed identity */
    int64_t last_expiry; /* when the last of that device's certificates ends, or ended; 0: it never had one */
    int64_t admitted;    /* when an operator last let it in; 0: never. No other act on the device counts */
} bm_verdict_record;

/*
 * Decides whose name it is: retired EK; inventory as the profile wants it; the EK's own identity against the claimed one; the claimed one
 * free. Writes the identity. BM_E_DEVICE_RETIRED, BM_E_EK_NOT_IN_INVENTORY, BM_E_IDENTITY_MISMATCH, BM_E_IDENTITY_TAKEN,
 * BM_E_IDENTITY_MISSING.
 */
BM_RESULT bm_verdict_decide(const bm_subject *subject, const bm_profile *profile, const bm_verdict_record *record,
                            char identity[BM_IDENTITY_MAX + 1]);

/*
 * May this device still renew? Not when all its certificates have ended and the profile wants that it came before that, or some time after it;
 * unless an operator has let it in since, which is good until it has a certificate again. BM_E_RENEWAL_EXPIRED.
 */
BM_RESULT bm_verdict_renewal(const bm_profile *profile, const bm_verdict_record *record, int64_t now);

/* Appends the evidence of an issue for the log, to be checked again later: sized32 of csr, ik_public, ek_public, ek_certificate (or empty), u32 count and sized32 of each of the chain, 32 bytes of the anchor's hash. */
BM_RESULT bm_verdict_put_evidence(bm_buf *out, const bm_request *request, const bm_subject *subject);

#endif
